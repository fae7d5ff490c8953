"""What workers are called."""

from etl.cluster.names import Names


def test_worker_that_is_alone_on_its_host_is_called_like_it():
    """A container that starts anew has another port, and another nanny; neighbours have a nanny each."""
    names = Names()
    lone = {"host": "10.0.0.7", "nanny": "tcp://10.0.0.7:41"}
    one, other = ({"host": "10.0.0.8", "nanny": f"tcp://10.0.0.8:{port}"} for port in (51, 52))
    bare = {"host": "10.0.0.8", "nanny": None}

    first = names.of({"tcp://10.0.0.7:1": lone, "tcp://10.0.0.8:1": one, "tcp://10.0.0.8:2": other})
    assert ["10.0.0.7", "tcp://10.0.0.8:51", "tcp://10.0.0.8:52"] == list(first.values())
    later = names.of({"tcp://10.0.0.7:2": lone, "tcp://10.0.0.8:3": other})
    assert ["10.0.0.7", "tcp://10.0.0.8:52"] == list(later.values())
    assert ["tcp://10.0.0.8:4"] == list(names.of({"tcp://10.0.0.8:4": bare}).values())
