"""What must not be stored is not: not in the database, its files, an answer or a log; events keep their identity."""

import hashlib
import hmac
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test_support import canary
from test_support.canary_records import records
from test_support.receiver_in_process import KEY, TOKEN, open_store
from webhooks_squadstack.cli import main
from webhooks_squadstack.settings import SettingsError, read_settings

SALT = "of ours alone"
PREFIX = "WEBHOOKS_PRIVACY_"


def hashed(text: str) -> str:
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


def stored(service) -> list[dict]:
    return service.pull().json["data"]


ACTIONS = ("keep", "hash", "drop")


@pytest.mark.parametrize(("numbers", "names"), [*itertools.product(ACTIONS, ACTIONS)])
def test_nothing_that_is_hashed_or_dropped_is_stored_answered_or_logged(serve, store, tmp_path, caplog, numbers, names):
    service = serve(store, {f"{PREFIX}PHONE_NUMBERS": numbers, f"{PREFIX}NAMES": names, f"{PREFIX}SALT": SALT})
    bodies = [{**canary.WEBHOOK, "phone_number": spelling} for spelling in canary.SPELLINGS]
    bodies += [canary.lead("v1"), {"data": [{"lead": canary.lead("v4")}]}]
    answers = [service.post(body) for body in bodies]
    assert {answer.status for answer in answers} == {201}
    texts = [
        json.dumps(stored(service), ensure_ascii=False),
        caplog.text,
        *(answer.body.decode() for answer in answers),
    ]
    texts += [json.dumps(service.metrics()), service.call("GET", "/").body.decode()]
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    if numbers != "keep":
        assert not any(map(canary.holds_number, texts))
        assert not any(canary.DIGITS.encode() in file for file in files)
    if names != "keep":
        assert not any(map(canary.holds_name, texts))
        assert not any(canary.WORDS.search(file.decode("latin-1")) for file in files)
    if (numbers, names) == ("keep", "keep"):
        assert [json.dumps(row["payload"]) for row in stored(service)] == [json.dumps(body) for body in bodies]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=records(canary.WEBHOOK), actions=st.tuples(*(st.sampled_from(("hash", "drop")),) * 2))
def test_whatever_is_posted_neither_is_stored_answered_or_logged(serve, store, tmp_path, caplog, body, actions):
    service = serve(store, {f"{PREFIX}PHONE_NUMBERS": actions[0], f"{PREFIX}NAMES": actions[1], f"{PREFIX}SALT": SALT})
    posted = [service.post(body), service.post(json.dumps(body).encode()[:-1])]
    assert [answer.status for answer in posted] == [201, 400]
    answers = [*posted, service.pull(), service.call("GET", "/")]
    text = caplog.text + "".join(answer.body.decode() for answer in answers) + json.dumps(service.metrics())
    text += json.dumps(stored(service), ensure_ascii=False)  # without the escapes of JSON
    assert not canary.holds_number(text)
    assert not canary.holds_name(text)
    for file in tmp_path.iterdir():
        assert canary.DIGITS.encode() not in file.read_bytes()
        assert not canary.WORDS.search(file.read_bytes().decode("latin-1"))


def test_a_number_has_the_hash_that_the_source_gives_it(serve, store):
    service = serve(store, {f"{PREFIX}PHONE_NUMBERS": "hash", f"{PREFIX}SALT": SALT})
    for spelling in canary.SPELLINGS:
        service.post({"phone_number": spelling, "n": repr(spelling)})
    assert {row["payload"]["phone_number"] for row in stored(service)} == {hashed(canary.E164)}


def test_a_repeat_is_stored_once_and_another_number_is_another_event(serve, store):
    service = serve(store, {f"{PREFIX}PHONE_NUMBERS": "drop", f"{PREFIX}NAMES": "drop"})
    first = service.post(canary.WEBHOOK).json
    again = service.post(dict(reversed(canary.WEBHOOK.items()))).json
    other = service.post({**canary.WEBHOOK, "phone_number": "+919876501235"}).json
    assert (first["repeated"], again["repeated"], other["repeated"]) == (False, True, False)
    assert first["event_id"] == again["event_id"] != other["event_id"]


def test_an_events_id_cannot_be_tried_out(serve, store):
    kept_back = serve(store, {f"{PREFIX}PHONE_NUMBERS": "drop"}).post(canary.WEBHOOK).json["event_id"]
    plain = serve(store).post(canary.WEBHOOK).json["event_id"]
    assert kept_back != plain


def test_what_is_kept_is_as_it_came_numbers_of_any_length_too(serve, store):
    service = serve(store, {f"{PREFIX}NAMES": "drop"})
    service.post(b'{"contact_name": "x", "lead_id": 7, "n": 123456789012345678901234567890, "f": 1.50, "u": "\\ud800"}')
    (row,) = stored(service)
    assert row["lead_id"] == "7"
    text = service.pull().body.decode()
    assert '"n":123456789012345678901234567890' in text
    assert '"f":1.50' in text
    assert row["payload"]["contact_name"] is None
    assert row["payload"]["u"] == "\N{REPLACEMENT CHARACTER}"


def test_a_body_too_deep_to_be_looked_into_is_not_stored_but_counted(serve, store):
    service = serve(store, {f"{PREFIX}NAMES": "drop"})
    deep = '{"a":' * 120 + f'"{canary.NAME}"' + "}" * 120
    assert service.post(deep.encode()).status == 201
    assert stored(service)[0]["payload"] == {"_json": None}


def test_a_leads_id_can_be_hashed_and_is_so_in_its_column(serve, store):
    environment = {f"{PREFIX}FIELDS": "lead_id, email", f"{PREFIX}FIELDS_ACTION": "hash", f"{PREFIX}SALT": SALT}
    service = serve(store, environment)
    service.post(canary.WEBHOOK)
    (row,) = stored(service)
    assert row["lead_id"] == row["payload"]["lead_id"] == hashed("L1")
    assert row["payload"]["email"] == hashed("zq@example.com")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PHONE_NUMBERS": "hash"}, "WEBHOOKS_PRIVACY_SALT"),
        ({"NAMES": "remove"}, "WEBHOOKS_PRIVACY_NAMES"),
        ({"PHONE_NUMBER": "drop"}, "WEBHOOKS_PRIVACY_PHONE_NUMBER"),
    ],
)
def test_a_setting_of_no_use_names_its_variable(variables, named):
    good = {"WEBHOOKS_ENDPOINT_KEYS": KEY, "WEBHOOKS_PULL_TOKEN": TOKEN}
    with pytest.raises(SettingsError, match=f"^{named} "):
        read_settings({**good, **{f"{PREFIX}{name}": value for name, value in variables.items()}})


# ── forget ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def forget(sqlite_url, monkeypatch):
    monkeypatch.setenv("WEBHOOKS_DATABASE_URL", sqlite_url)
    return lambda *options: main(["forget", *options])


def test_forget_deletes_every_event_of_a_lead_and_no_other(serve, store, forget, capsys, tmp_path):
    service = serve(store)
    service.post(canary.WEBHOOK)
    service.post({"lead_id": "L2", "contact_name": "Asha"})
    service.post({"data": [{"lead": {"lead_id": "L1", "contact_name": canary.NAME}}]})
    deep = '{"a":' * 120 + '{"lead_id":"L1"}' + "}" * 120
    service.post(deep.encode())
    service.post({"lead_id": "other", "n": 1})
    assert forget("--lead-id", "L1") == 0
    assert [row["sequence"] for row in stored(service)] == [2, 5]
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Deleted 3 events of this lead\n")
    assert forget("--lead-id", "L1") == 0
    assert capsys.readouterr().err == "No event of this lead is stored\n"
    service.runner.run(service.receiver.close())
    for file in Path(tmp_path).iterdir():
        assert canary.WORDS.search(file.read_bytes().decode("latin-1")) is None


def test_forget_deletes_a_leads_events_in_postgresql_and_no_other(serve, postgres_url, monkeypatch, capsys):
    store = open_store(postgres_url)
    service = serve(store)
    for lead_id in ("L1", "L2"):
        for outcome in ("a", "b"):
            service.post({**canary.WEBHOOK, "lead_id": lead_id, "call_outcome": outcome})
            service.post({"lead_id": " \t", "data": {"lead_id": lead_id}, "call_outcome": outcome})
    monkeypatch.setenv("WEBHOOKS_DATABASE_URL", postgres_url)
    assert [main(["forget", "--lead-id", "L1"]) for _ in range(2)] == [0, 0]
    assert [row["lead_id"] for row in stored(service)] == ["L2", " \t"] * 2
    printed = "".join(capsys.readouterr())
    assert not canary.holds_number(printed)
    store.close()


def test_a_reader_goes_on_over_the_hole(serve, store, forget):
    service = serve(store)
    for number in range(4):
        service.post({"lead_id": f"L{number // 2}", "n": number})
    first = service.pull(limit=1).json
    assert forget("--lead-id", "L1") == 0
    rest = service.pull(after=first["next_cursor"]).json
    assert [row["sequence"] for row in rest["data"]] == [2]
    assert service.pull(after=rest["next_cursor"]).json["data"] == []
    service.post({"lead_id": "L5"})
    assert [row["sequence"] for row in service.pull(after=rest["next_cursor"]).json["data"]] == [5]


def test_forget_finds_a_lead_whose_id_is_stored_hashed(serve, store, forget, monkeypatch):
    environment = {f"{PREFIX}FIELDS": "lead_id", f"{PREFIX}FIELDS_ACTION": "hash", f"{PREFIX}SALT": SALT}
    service = serve(store, environment)
    service.post(canary.WEBHOOK)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert forget("--lead-id", "L1", "--campaign-id", "other") == 0
    assert len(stored(service)) == 1
    assert forget("--lead-id", "L1", "--campaign-id", "C1") == 0
    assert stored(service) == []


LEAD = {"lead_id": "L1"}
NAMED_IN = {
    "blank at the top": {"lead_id": "", "data": LEAD},
    "white space at the top": {"lead_id": " \t\n", "data": [LEAD]},
    "null at the top": {"lead_id": None, "data": LEAD},
    "an object at the top": {"lead_id": LEAD},
    "a text of JSON": {"data": json.dumps(LEAD)},
    "quoted JSON behind a mark": {"lead_id": "", "data": ["\ufeff" + json.dumps(json.dumps({"a": [LEAD]}))]},
    "JSON that is cut off": {"data": json.dumps({"a": LEAD, "b": 1})[:-1]},
    "quoted JSON that is cut off": {"data": json.dumps(json.dumps({"a": LEAD, "b": 1}))[:-1]},
    "depth": json.loads('{"a":' * 120 + '{"lead_id":"L1"}' + "}" * 120),
    "great depth": '{"a":' * 20_000 + '{"lead_id" : "\\u004c1"}' + "}" * 20_000,
}


@pytest.mark.parametrize("body", NAMED_IN.values(), ids=NAMED_IN)
def test_forget_finds_a_lead_wherever_an_event_without_one_at_its_top_names_it(serve, store, forget, body):
    service = serve(store)
    text = body if isinstance(body, str) else json.dumps(body)
    for each in (text, text.replace("L1", "L12").replace("u004c1", "u004c12")):
        assert service.post(each.encode()).status == 201
    assert forget("--lead-id", "L1") == 0
    assert [row["sequence"] for row in stored(service)] == [2]


@pytest.mark.parametrize("lead_id", ["None", "True", "{'a': 1}"])
def test_forget_takes_nothing_for_an_id_that_is_none(serve, store, forget, lead_id):
    service = serve(store)
    for named in (None, True, {"a": 1}):
        service.post({"lead_id": named, "n": 1})
    service.post({"lead_id": "other", "data": LEAD})
    assert forget("--lead-id", lead_id) == 0
    assert len(stored(service)) == 4


def test_forget_in_a_campaign_leaves_what_names_another_and_nothing_that_names_none(serve, store, forget):
    service = serve(store)
    for lead in (LEAD, {"data": LEAD}, {"data": json.dumps(LEAD)}):
        for campaign in (
            {},
            {"campaign_id": " "},
            {"campaign_id": "C2"},
            {"x": {"campaign_id": "C2"}},
            {"campaign_id": "C1"},
            {"campaign_id": "", "x": json.dumps({"campaign_id": "C1"})},
        ):
            service.post({**lead, **campaign})
    assert forget("--lead-id", "L1", "--campaign-id", "C2") == 0
    assert [row["sequence"] for row in stored(service)] == [5, 6, 11, 12, 17, 18]


def test_forget_finds_a_campaign_whose_id_is_stored_hashed(serve, store, forget, monkeypatch):
    environment = {f"{PREFIX}FIELDS": "campaign_id", f"{PREFIX}FIELDS_ACTION": "hash", f"{PREFIX}SALT": SALT}
    service = serve(store, environment)
    service.post({"lead_id": "L1", "campaign_id": "C1"})
    service.post({"lead_id": "L1", "campaign_id": "C2"})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert forget("--lead-id", "L1", "--campaign-id", "C1") == 0
    assert [row["campaign_id"] for row in stored(service)] == [hashed("C2")]


@pytest.mark.parametrize("blank", ["", " \t"])
@pytest.mark.parametrize("option", ["--lead-id", "--campaign-id"])
def test_forget_refuses_a_blank_id(serve, store, forget, capsys, option, blank):
    service = serve(store)
    service.post({"lead_id": blank, "campaign_id": blank})
    with pytest.raises(SystemExit) as ended:
        forget("--lead-id", "L1", option, blank)
    assert ended.value.code == 2
    assert f"argument {option}: is blank, so it names nothing." in capsys.readouterr().err
    assert len(stored(service)) == 1


def test_forget_in_a_store_that_does_not_answer_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WEBHOOKS_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/webhooks.db")
    assert main(["forget", "--lead-id", "L1"]) == 1
    assert capsys.readouterr().err.startswith("The store does not answer: ")
