"""One sentence for each thing that can be wrong, naming the field."""

import pytest

from destination_squadstack import check
from destination_squadstack.api.outcomes import ApiResponse, NoResponse, NotLoggedIn
from destination_squadstack.config import parse_config
from test_support.configs import PORTAL_LOGIN

REFUSED = ApiResponse(
    200, {"result": [{"status_code": 400, "data": {"error_msg": "{'lead_id': 'This field is required.'}"}}]}
)


class Api:
    read_timeout = 30.0

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def send(self, lane, bodies):
        self.sent.append((lane.path, bodies))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def log_in(self):
        self.sent.append(("login", []))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self):
        pass


@pytest.fixture
def checked(kit):
    def run(*answers, **changes):
        api, clock = Api(*answers), kit.clock()
        config = parse_config(
            {**kit.config(streams=[{"stream": "a", "operation": "create", "ref_id": "other"}]), **changes}
        )
        return check.problem(config, api, clock), api.sent, clock.now - 1_000.0

    return run


def test_check_asks_every_endpoint_once_with_a_lead_that_must_be_refused(checked):
    problem, sent, _ = checked(REFUSED)
    assert problem is None
    assert sent == [
        ("/voice/crm-integration-v2/ref-1/lead-upserted", [b'{"lead_id":""}']),
        ("/voice/crm-integration-v2/other/lead-created", [b'{"lead_id":""}']),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        REFUSED,
        ApiResponse(400, {"error_msg": "x"}),
        ApiResponse(200, {"result": [{"status_code": 404, "data": {"detail": "x"}}]}),
    ],
)
def test_check_succeeds_when_each_endpoint_refuses_the_lead_alone(checked, reply):
    assert checked(reply)[0] is None


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (
            ApiResponse(401, {"error_msg": "Invalid auth token"}),
            "squadstack.token is not accepted by SquadStack (Invalid auth token).",
        ),
        (ApiResponse(403, {"error_msg": "x"}), "squadstack.token may not use lead-created"),
        (
            ApiResponse(404, {"error_msg": "No active integration found."}),
            "streams[0].ref_id names no active integration of SquadStack.",
        ),
        (
            ApiResponse(404, {"error_msg": "This endpoint is not enabled in your Integration"}),
            "streams[0].operation uses lead-created, which is not enabled in the integration that streams[0].ref_id",
        ),
        (ApiResponse(404, "<html>"), "streams[0].ref_id or squadstack.base_url is wrong"),
        (ApiResponse(302, None), "squadstack.base_url answers with a redirect (HTTP 302)"),
        (ApiResponse(503, None), "squadstack.base_url answers lead-created with HTTP 503"),
        (
            ApiResponse(200, None, "a body that is not JSON"),
            "squadstack.base_url answers lead-created with HTTP 200 with a body that is not",
        ),
        (NoResponse("no connection", may_be_applied=False), "squadstack.base_url cannot be reached (no connection)."),
        (
            ApiResponse(200, {"result": [{"status_code": 200, "data": {"lead_id": ""}}]}),
            "SquadStack accepted a lead without an id at lead-created: streams[0].ref_id is not safe to use.",
        ),
        (
            ApiResponse(200, {"result": [{"status_code": 500, "data": {"error_msg": "x"}}]}),
            "SquadStack refused the trial call to lead-created with status 500",
        ),
    ],
)
def test_check_names_the_field_that_is_wrong(checked, reply, sentence):
    problem, sent, _ = checked(REFUSED, reply)
    assert problem.startswith(sentence)
    assert len(sent) == 2


def test_a_suppression_list_with_a_line_that_cannot_be_read_is_named_before_anything_is_asked(checked, tmp_path):
    (tmp_path / "dnd.txt").write_text("9876543210\nnobody\n", encoding="utf-8")
    said, sent, _ = checked(ApiResponse(200, b""), suppression={"path": str(tmp_path / "dnd.txt")})
    assert said == (
        "suppression.path: line 2 of the list is neither a phone number nor the SHA-256 hash of one. "
        "Correct or remove it. Nothing was sent."
    )
    assert sent == []


def test_check_waits_out_a_429_once(checked):
    throttled = ApiResponse(429, "x", "x", retry_after=20.0)
    assert checked(throttled, REFUSED)[::2] == (None, 20.0)
    assert checked(ApiResponse(429, "x", "x"), REFUSED)[::2] == (None, 60.0)
    assert checked(ApiResponse(429, "x", "x", retry_after=900.0), REFUSED)[::2] == (None, 60.0)
    problem, sent, waited = checked(throttled)
    assert problem.startswith("SquadStack's allowance of calls is used up")
    assert (len(sent), waited) == (2, 20.0)


def test_the_folder_for_rejected_records_must_be_one_that_can_be_written_and_is_not_made(checked, tmp_path):
    (tmp_path / "file").write_text("")
    store = {"storage_type": "Local", "bucket_path": str(tmp_path / "file" / "x")}
    assert checked(REFUSED, object_storage_config=store)[0].startswith(
        "object_storage_config.bucket_path names a folder"
    )
    store["bucket_path"] = str(tmp_path / "new" / "deep")
    assert checked(REFUSED, object_storage_config=store)[0] is None
    assert not (tmp_path / "new").exists()


# -- the other APIs


def v4(operation):
    return {"stream": operation, "operation": operation, "api": "v4", "campaign_id": "c"}


BLANK = ApiResponse(400, {"lead_id": ["This field may not be blank."]})


def test_check_asks_v4_and_v1_with_a_blank_lead(checked):
    streams = [v4("create"), v4("update"), {**v4("disable"), "api": "v1"}]
    problem, sent, _ = checked(REFUSED, BLANK, streams=streams)
    assert problem is None
    assert [path for path, _ in sent[1:]] == [
        "/api/v4/leads/create/c/",
        "/api/v4/leads/update/c/",
        "/api/v1/leads/disable/c/",
    ]


def test_a_404_for_one_lead_is_asked_of_a_list_to_tell_lead_from_campaign(checked):
    unknown = ApiResponse(404, {"detail": "Not found."})
    problem, sent, _ = checked(REFUSED, unknown, BLANK, streams=[v4("convert")])
    assert problem is None
    assert [path for path, _ in sent[1:]] == ["/api/v4/leads/convert/c/", "/api/v4/leads/disable/c/"]
    problem, _, _ = checked(REFUSED, unknown, streams=[v4("convert")])
    assert problem.startswith("streams[0].campaign_id names no campaign of SquadStack")


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (
            ApiResponse(403, {"detail": "x"}),
            "squadstack.token is not accepted by SquadStack for v4/leads/create (HTTP 403)",
        ),
        (ApiResponse(404, {"detail": "Not found."}), "streams[0].campaign_id names no campaign of SquadStack"),
        (ApiResponse(404, "<html>", "x"), "streams[0].campaign_id or squadstack.base_url is wrong"),
        (ApiResponse(201, {}), "SquadStack accepted a lead without an id at v4/leads/create"),
    ],
)
def test_check_names_the_field_that_is_wrong_for_v4(checked, reply, sentence):
    assert checked(REFUSED, reply, streams=[v4("create")])[0].startswith(sentence)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (ApiResponse(200, {}), None),
        (NotLoggedIn("login", "x"), "contact_center.username, contact_center.password or contact_center.domain is not"),
        (NotLoggedIn("no_token", "HTTP 404"), "contact_center.portal_url answers the login with something that is no"),
        (
            NoResponse("no connection", may_be_applied=False),
            "contact_center.portal_url cannot be reached (no connection)",
        ),
    ],
)
def test_the_contact_center_is_asked_for_a_login_alone_and_once(checked, answer, sentence):
    streams = [
        {"stream": name, "api": "contact_center", "operation": name} for name in ("set_status", "voicemail_disposition")
    ]
    problem, sent, _ = checked(REFUSED, answer, streams=streams, contact_center=PORTAL_LOGIN)
    assert problem is None if sentence is None else problem.startswith(sentence)
    assert [path for path, _ in sent[1:]] == ["login"]
