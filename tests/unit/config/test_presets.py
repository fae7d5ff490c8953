"""Presets: each is a valid job, and its columns are taken for no other product's."""

import pytest

from etl.config.choose import Second, choose
from etl.config.job import Job
from etl.config.load import parse_job
from etl.config.look import Look, Seen
from etl.config.presets import Header, Preset, companion, is_made, presets, recognise
from etl.config.proposal import Status
from etl.config.propose import Naming, propose

PRESETS = {preset.name: preset for preset in presets()}

REAL_HEADERS = {
    "zendesk-ticket-comment": [
        # Fivetran, then Airbyte
        "id,_fivetran_synced,body,created,facebook_comment,public,ticket_id,tweet,user_id,voice_comment",
        (
            "id,via,body,type,public,audit_id,author_id,html_body,plain_body,created_at,timestamp,event_type,"
            "ticket_id,via_reference_id,uploads,metadata,attachments"
        ),
    ],
    "zendesk-comments-joined": ["id,ticket_id,requester_id,author_role,created_at,public,body"],
    "zendesk-chat-events": [
        (
            "chat_id,created_at,actor_id,chat_index,external_message_id,filename,is_history_context,message,"
            "message_id,message_source,mime_type,original_message,original_message_type,parent_message_id,reason,"
            "size,status,status_updated_at,type,url"
        ),
    ],
    "zendesk-chat-history": ["index,timestamps,chat_id,agent_id,msg,msg_id,name,sender_type,type"],
    "zendesk-chat-chats": [
        "id,type,visitor,agent_ids,agent_names,history,session,timestamp,zendesk_ticket_id,started_by",
    ],
    "intercom": [
        (
            "id,updated_at,_fivetran_synced,assigned_to_id,assigned_to_type,author_id,author_type,conversation_id,"
            "conversation_updated_at,created_at,notified_at,part_type,body,_fivetran_start,_fivetran_end,"
            "_fivetran_active"
        ),
        "part_id,conversation_id,contact_id,author_type,part_type,created_at,body",
        "id,conversation_id,part_type,body,created_at,updated_at,author.type,author.id,redacted",
    ],
    "freshdesk": [
        (
            "id,body,body_text,incoming,private,user_id,support_email,source,category,from_email,to_emails,"
            "cc_emails,bcc_emails,created_at,updated_at,attachments,ticket_id"
        ),
    ],
    "gorgias": [
        (
            "id,ticket_id,from_agent,public,channel,via,source,sender_id,body_html,body_text,stripped_text,"
            "created_datetime,sent_datetime,failed_datetime"
        ),
    ],
    "hubspot": [
        (
            "type,id,conversationsThreadId,createdAt,updatedAt,createdBy,client,senders,recipients,text,richText,"
            "attachments,truncationStatus,direction,inReplyToId,status,archived"
        ),
    ],
    "livechat": ["id,custom_id,chat_id,thread_id,created_at,type,author_id,visibility,text,properties"],
    "dixa": [
        (
            "id,csid,created_at,initial_channel,author_name,author_email,direction,text,from,to,cc,bcc,"
            "attached_files,duration,recording_url,voicemail_url,is_automated_message,chat_menu_text"
        ),
    ],
    "salesforce-conversation-entry": [
        (
            "Id,ActorId,ActorName,ActorType,ClientTimestamp,ConversationId,EntryTime,EntryEndTime,EntryType,"
            "HasAttachments,Message"
        ),
    ],
    "salesforce-live-chat-transcript": [
        "Id,Name,Body,ChatKey,ContactId,LiveChatVisitorId,OwnerId,StartTime,EndTime,EndedBy,Status",
    ],
    "zammad": [
        "id,ticket_id,sender,type,internal,content_type,body,subject,from,to,created_by_id,created_at",
    ],
    "amazon-connect": ["Version,AWSAccountId,InstanceId,InitialContactId,ContactId,Participants,Transcript"],
    "ultimate": ["conversationId,sendTime,senderType,text,agentId"],
    "twcs": ["tweet_id,author_id,inbound,created_at,text,response_tweet_id,in_response_to_tweet_id"],
}
"""Columns as the products write them; several where there are several ways out."""

SECOND_FILES = {
    "zendesk-ticket-comment": "id,active,created_at,email,name,role,updated_at",
    "zendesk-chat-history": "id,visitor_id,started_by",
    "intercom": "id,created_at,source_id,source_author_id,source_author_type,source_body,state",
    "freshdesk": "id,requester_id,description,description_text,created_at,status",
    "livechat": "id,name,email,type",
    "dixa": "id,requester_id,requester_email,queue_id,created_at",
    "zammad": "id,number,customer_id,title",
}

HEADERS = [(name, header) for name, headers in REAL_HEADERS.items() for header in headers]


def looked(names: list[str]) -> Seen:
    """Return a sample of no rows."""
    return Seen(looks={name: Look(name=name, cells=()) for name in names}, rows=0)


def seconds_of(preset: Preset) -> list[Second]:
    """Return every second file that a preset knows."""
    return [
        Second(
            recipe=recipe,
            files=(f"{number}.csv",),
            names=tuple(choice[0] for choice in recipe.columns.values()),
        )
        for number, recipe in enumerate(preset.recipe)
    ]


def job_of(preset: Preset, names: list[str]) -> Job:
    """Return the job of an export with these columns and all second files."""
    chosen = choose(preset, looked(names), seconds_of(preset))
    proposal = propose(looked(names), chosen, Naming(source="test", files=("a.csv",)))
    assert () == proposal.open_points(Status.NEEDED)
    return parse_job(proposal.job(), name=preset.name)


def test_presets_have_a_real_header_each():
    """A preset without one is tested by nothing."""
    assert set(PRESETS) == set(REAL_HEADERS)


@pytest.mark.parametrize(("name", "header"), HEADERS)
def test_preset_recognises_its_own_header_and_no_other_does(name, header):
    """The confusion matrix: a file taken for another product's would be read wrongly without a word."""
    found = recognise(header.split(","))

    assert found is not None
    assert name == found.name


@pytest.mark.parametrize(("name", "header"), HEADERS)
def test_preset_recognises_shouted_and_spaced_names(name, header):
    """Snowflake writes capitals, spreadsheets spaces; the job must still name the columns as they are."""
    names = [column.replace("_", " ").upper() for column in header.split(",")]

    found = recognise(names)

    assert found is not None
    assert name == found.name
    assert set(choose(found, looked(names), []).taken()) <= {*names, "(speaker)", "(time)"}


@pytest.mark.parametrize(
    "header", ["a,b,c", "id,name,email", "message_id,user_id,role,text,sent_at", *SECOND_FILES.values()]
)
def test_header_of_no_product_is_recognised_as_none(header):
    """A table of users must not be taken for messages."""
    assert recognise(header.split(",")) is None


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "zendesk-chat-events"])
def test_preset_with_every_column_and_a_target_is_a_valid_job(name):
    """What `etl init` writes must be what `etl check` reads."""
    preset = PRESETS[name]
    names = [
        choice[0] for choice in [*preset.recognition.must, *preset.columns.values()] if not is_made(choice[0])
    ]
    every = list(dict.fromkeys([*names, *preset.rows.columns]))

    job = job_of(preset, every)

    assert preset.lane == job.message.lane
    assert preset.transcript == job.input.transcript
    assert preset.rows == job.rows


@pytest.mark.parametrize(("name", "header"), [pair for pair in HEADERS if pair[0] in SECOND_FILES])
def test_preset_of_a_real_header_is_a_valid_job_with_its_second_files(name, header):
    """An export as it comes, with the tables that belong to it."""
    job = job_of(PRESETS[name], header.split(","))

    assert set(job.columns.mapped) - {"(customer)"} <= {
        *header.split(","),
        *(column for join in job.join for column in join.columns),
    }


@pytest.mark.parametrize(("name", "header"), HEADERS)
def test_opening_fills_only_columns_that_the_export_has(name, header):
    """A column that the first files lack can't be filled."""
    preset = PRESETS[name]
    chosen = choose(preset, looked(header.split(",")), seconds_of(preset))
    proposal = propose(looked(header.split(",")), chosen, Naming(source="test", files=("a.csv",)))

    for second in proposal.seconds:
        if second.kind == "opening":
            assert set(second.table["columns"]) <= set(header.split(","))
            assert set(second.table["constants"]) <= set(header.split(","))


@pytest.mark.parametrize(("name", "header"), SECOND_FILES.items())
def test_second_file_is_recognised_by_its_columns(name, header):
    """So that both files can be named in any order."""
    recipe = companion(PRESETS[name], header.split(","))

    assert recipe is not None
    found = Header(header.split(","))
    assert all(found.find(choice) for choice in recipe.columns.values() if recipe.kind == "join")


def test_export_itself_is_no_second_file_of_its_own():
    """Several files of one export are all messages."""
    for name, header in HEADERS:
        assert companion(PRESETS[name], header.split(",")) is None, name


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_preset_says_what_it_is_and_which_traps_it_has(preset):
    """A person decides by these lines."""
    assert preset.title
    assert preset.export
    assert preset.notes
    assert all(note.endswith(".") for note in (*preset.notes, *preset.missing.values()))


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_preset_words_stand_under_one_meaning_only(preset):
    """A value that means two things means nothing."""
    roles = preset.roles
    words = [*roles.customer, *roles.agent, *roles.bot, *roles.skip]

    assert len(words) == len({word.casefold() for word in words})
    assert not {*preset.visibility.public} & {*preset.visibility.private}
