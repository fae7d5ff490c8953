"""What several tests use: the command line as a process, a platform that records, generated histories."""
