"""What the bridge can be told, from the file and from BRIDGE_* variables, and how it says what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from bridge import config
from bridge.config import Config, Secret
from bridge.errors import ConfigError
from tests.committed import assert_fresh
from tools import reference

ACME: dict[str, Any] = {"id": "acme", "region": "uk", "bearer_token": "s3cret-token"}


def written(directory: Path, text: str) -> Path:
    path = directory / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def with_acme(**more: Any) -> dict[str, Any]:
    return {"integrations": [{**ACME, **more}]}


# --- the file ---------------------------------------------------------------------------------------------


def test_nothing_needs_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load_config(None, {}) == Config()


def test_bridge_toml_of_the_working_directory_is_read_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, 'data_dir = "elsewhere"')
    monkeypatch.chdir(tmp_path)
    assert config.load_config(None, {}).data_dir == "elsewhere"


def test_every_kind_of_value_is_read_from_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [kafka]
        bootstrap_servers = "k:9092"
        compacted = true
        [capture]
        poll_seconds = 5
        [[integrations]]
        id = "acme"
        region = "ca"
        bearer_token = "t"
        models = ["job", "candidate"]
        [integrations.tracker.rows]
        candidates = "items"
        """,
    )
    found = config.load_config(path, {})
    assert (found.kafka.bootstrap_servers, found.kafka.compacted) == ("k:9092", True)
    assert found.capture.poll_seconds == 5.0
    assert found.integrations[0].models == ("job", "candidate")
    assert found.integrations[0].tracker == {"rows": {"candidates": "items"}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[kafka", r"bridge\.toml: invalid TOML"),
        ("\n[store]\npool_size = 0", r"^store\.pool_size: "),
        ("[store]\nurls = 'x'", r"^store\.urls: no such setting; did you mean store\.url\?$"),
        ("[stor]\nurl = 'x'", r"^stor: no such setting; did you mean store\?$"),
        ("[relay]\nbatch_size = 3", r"^relay: no such setting$"),
        ("[capture]\npage_batch = 3", r"^capture\.page_batch: no such setting$"),
        ("[api]\nlisten = '8420'", r"^api\.listen: invalid; write host:port, as in 127"),
        ("[api]\nlisten = '::1:8420'", r"^api\.listen: invalid"),
        ("[monitoring]\nlisten = '[::1]:65536'", r"^monitoring\.listen: .* from 0 to 65535$"),
        ("store = 3", r"^store: "),
        ("[kafka]\nsecurity_protocol = 'TLS'", r"^kafka\.security_protocol: must be one of PLAINTEXT, SSL,"),
        ("[kafka]\ntopic_prefix = 'a b'", r"^kafka\.topic_prefix: invalid; use letters"),
        ("[capture]\npoll_seconds = 'soon'", r"^capture\.poll_seconds: "),
        ("[capture]\ndeletion_limit_percent = 101", r"^capture\.deletion_limit_percent: "),
        ("[outbound]\nallow_networks = ['10.0.0.1/8']", r"^outbound\.allow_networks: .*host bits"),
        ("[outbound]\nallow_networks = ['intranet']", r"^outbound\.allow_networks: 'intranet'"),
        ("[[integrations]]\nregion = 'uk'", r"^integrations\.0\.id: must be set"),
        (
            "[[integrations]]\nid = 'acme'\nbearer = 'x'",
            r"^integrations\.acme\.bearer: no such .*\.bearer_token\?$",
        ),
        (
            "[[integrations]]\nid = 'Acme Ltd'\nbearer_token = 'x'",
            r"^integrations\.Acme Ltd\.id: invalid; use ",
        ),
        (
            "[[integrations]]\nid = 'acme'\nmodels = ['jobs']",
            r"^integrations\.acme\.models\[\d\]: must be one of user, job,",
        ),
        ("[[integrations]]\nid = 'acme'\nbearer_token = ''", r"^integrations\.acme\.bearer_token: "),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_that_names_the_key(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        config.load_config(written(tmp_path, text), {})
    assert "\n" not in str(error.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such file"):
        config.load_config(tmp_path / "nowhere.toml", {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"bridge\.toml: can't be read"):
        config.load_config(tmp_path / "bridge.toml", {})


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't be read \(IsADirectoryError\); it must be a file"):
        config.load_config(tmp_path, {})


# --- the environment --------------------------------------------------------------------------------------


def test_a_variable_lies_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[kafka]\nbootstrap_servers = "old:1"\npartitions = 2')
    found = config.load_config(path, {"BRIDGE_KAFKA_BOOTSTRAP_SERVERS": "new:1"})
    assert (found.kafka.bootstrap_servers, found.kafka.partitions) == ("new:1", 2)


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("BRIDGE_DATA_DIR", "/data", "data_dir", "/data"),
        ("BRIDGE_STORE_POOL_SIZE", "3", "store.pool_size", 3),
        ("BRIDGE_KAFKA_COMPACTED", "true", "kafka.compacted", True),
        ("BRIDGE_KAFKA_COMPACTED", "0", "kafka.compacted", False),
        ("BRIDGE_CAPTURE_SWEEP_MINUTES", "0.5", "capture.sweep_minutes", 0.5),
        ("BRIDGE_STORE_URL", "postgresql://h/d", "store.url", Secret("postgresql://h/d")),
        ("BRIDGE_LOG_LEVEL", "debug", "log.level", "debug"),
    ],
)
def test_a_variable_is_read_as_the_kind_of_its_key(
    variable: str, value: str, path: str, expected: object, tmp_path: Path
) -> None:
    found: Any = config.load_config(written(tmp_path, ""), {variable: value})
    for part in path.split("."):
        found = getattr(found, part)
    assert found == expected


def test_a_secret_of_an_integration_comes_from_its_variable(tmp_path: Path) -> None:
    path = written(tmp_path, "[[integrations]]\nid = 'acme-uk'\nregion = 'uk'")
    found = config.load_config(path, {"BRIDGE_INTEGRATIONS_ACME_UK_BEARER_TOKEN": "t"})
    assert found.integration("acme-uk").bearer_token == Secret("t")


def test_the_widget_apis_credentials_come_from_variables_and_do_not_show(tmp_path: Path) -> None:
    prefix = "BRIDGE_INTEGRATIONS_ACME_"
    given = {"REGION": "us", "BEARER_TOKEN": "t", "API_KEY": "k-9", "USERNAME": "ann", "PASSWORD": "p-9"}
    environ = {prefix + key: value for key, value in given.items()}
    found = config.load_config(written(tmp_path, ""), environ).integration("acme")
    assert (found.api_key, found.username, found.password) == (Secret("k-9"), "ann", Secret("p-9"))
    assert "-9" not in repr(found)


def test_variables_alone_make_an_integration(tmp_path: Path) -> None:
    environ = {
        "BRIDGE_INTEGRATIONS_ACME_REGION": "us",
        "BRIDGE_INTEGRATIONS_ACME_BEARER_TOKEN": "t",
        "BRIDGE_INTEGRATIONS_ACME_MODELS": "tag, candidate_tag",
    }
    found = config.load_config(written(tmp_path, ""), environ).integration("acme")
    assert (found.region, found.models) == ("us", ("tag", "candidate_tag"))


def test_a_variable_lists_the_networks_that_are_allowed(tmp_path: Path) -> None:
    environ = {
        "BRIDGE_OUTBOUND_ALLOW_NETWORKS": "10.0.0.0/8, fd12::/16",
        "BRIDGE_OUTBOUND_ALLOW_HTTP": "true",
    }
    found = config.load_config(written(tmp_path, ""), environ).outbound
    assert (found.allow_networks, found.allow_http) == (("10.0.0.0/8", "fd12::/16"), True)


def test_the_longest_key_wins_where_names_overlap(tmp_path: Path) -> None:
    environ = {
        "BRIDGE_INTEGRATIONS_ACME_OAUTH_CLIENT_ID": "client",
        "BRIDGE_INTEGRATIONS_ACME_REGION": "us",
        "BRIDGE_INTEGRATIONS_ACME_BEARER_TOKEN": "t",
    }
    assert config.load_config(written(tmp_path, ""), environ).integration("acme").oauth_client_id == "client"


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("BRIDGE_KAFKA_BOOTSTRAP_SERVER", "did you mean BRIDGE_KAFKA_BOOTSTRAP_SERVERS"),
        ("BRIDGE_NONSENSE", "BRIDGE_NONSENSE: no such setting"),
        ("BRIDGE_STORE", "BRIDGE_STORE: no such setting"),
        ("BRIDGE_INTEGRATIONS_ACME_TOKEN", "BRIDGE_INTEGRATIONS_ACME_TOKEN: no such setting of an integ"),
        ("BRIDGE_INTEGRATIONS_BEARER_TOKEN", "BRIDGE_INTEGRATIONS_BEARER_TOKEN: "),
        ("BRIDGE_INTEGRATIONS_ACME_TRACKER", "BRIDGE_INTEGRATIONS_ACME_TRACKER: no such setting"),
        ("BRIDGE_INTEGRATIONS_ACME_ID", "BRIDGE_INTEGRATIONS_ACME_ID: no such setting"),
    ],
)  # fmt: skip
def test_a_variable_that_means_nothing_is_refused(variable: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        config.load_config(written(tmp_path, ""), {variable: "x"})


def test_a_bad_value_of_a_variable_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^store\.pool_size: "):
        config.load_config(written(tmp_path, ""), {"BRIDGE_STORE_POOL_SIZE": "many"})


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "BRIDGE_TEST_KAFKA": "k:1", "BRIDGE_TEST_PATIENCE": "2", "BRIDGE_CONFIG": "x"}
    assert config.load_config(written(tmp_path, ""), environ) == Config()
    with pytest.raises(ConfigError, match="BRIDGE_CONFIG_FILE: no such setting"):
        config.load_config(written(tmp_path, ""), {"BRIDGE_CONFIG_FILE": "x"})


@pytest.mark.parametrize("text", ["store = 1", "integrations = 1"])
def test_a_variable_can_not_lie_over_what_is_no_table(text: str, tmp_path: Path) -> None:
    environ = {"BRIDGE_STORE_URL": "x", "BRIDGE_INTEGRATIONS_ACME_REGION": "us"}
    with pytest.raises(ConfigError, match="must be a"):
        config.load_config(written(tmp_path, text), environ)


# --- what belongs together --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"bearer_token": None}, r"acme\.bearer_token: missing; .*BRIDGE_INTEGRATIONS_ACME_BEARER_TOKEN"),
        ({"bearer_token": None, "oauth_refresh_token": "r"}, r"acme\.oauth_client_secret: missing"),
        ({"username": "u"}, r"acme\.password: missing; set both username and password"),
        ({"password": "p"}, r"acme\.username: missing; set both username and password"),
        ({"region": None}, r"acme\.region: missing; set region .* or base_url"),
        ({"base_url": "https://x"}, r"acme\.region: set together with base_url"),
        ({"region": None, "base_url": "x.example"}, r"acme\.base_url: must start with https://"),
        ({"time_zone": "London"}, r"acme\.time_zone: 'London' is not an IANA time zone"),
        ({"time_zone": "../etc/passwd"}, r"acme\.time_zone: "),
        ({"time_zone": ""}, r"acme\.time_zone: "),
        ({"models": ["tag"]}, r"acme\.models: tag needs candidate_tag; add it"),
        ({"models": ["role"]}, r"acme\.models: role needs job_user_role_assignment"),
    ],
)
def test_what_does_not_fit_together_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=rf"^integrations\.{says}"):
        config.parse_config(with_acme(**more))


def test_two_integrations_of_one_id_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^integrations\.acme: two integrations"):
        config.parse_config({"integrations": [ACME, ACME]})


def test_sasl_needs_a_name_and_a_password() -> None:
    with pytest.raises(ConfigError, match=r"^kafka\.sasl_password: missing; security_protocol SASL_SSL"):
        config.parse_config({"kafka": {"security_protocol": "SASL_SSL", "sasl_username": "u"}})


def test_a_refresh_token_with_its_client_secret_is_enough() -> None:
    more = {"bearer_token": None, "oauth_refresh_token": "r", "oauth_client_secret": "c"}
    assert config.parse_config(with_acme(**more)).integrations[0].oauth_refresh_token == Secret("r")


def test_an_integration_is_found_by_its_id() -> None:
    found = config.parse_config(with_acme())
    assert found.integration("acme").region == "uk"
    with pytest.raises(ConfigError, match=r"no integration has the id 'other'; use one of acme"):
        found.integration("other")


# --- secrets ----------------------------------------------------------------------------------------------


def test_a_secret_never_shows_itself() -> None:
    found = config.parse_config(with_acme())
    assert "s3cret" not in repr(found) + str(found) + f"{found.integrations[0].bearer_token}"
    token = found.integrations[0].bearer_token
    assert token is not None
    assert token.reveal() == "s3cret-token"


@pytest.mark.parametrize("value", [7, "", None, ["s3cret-list"]])
def test_a_secret_that_is_no_text_is_refused_without_being_shown(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^integrations\.acme\.bearer_token: ") as error:
        config.parse_config(with_acme(bearer_token=value))
    assert "s3cret" not in str(error.value)


# --- the table of keys ------------------------------------------------------------------------------------


def test_the_table_of_keys_is_as_the_structs_are() -> None:
    page = reference.DOCS / "configuration.md"
    assert_fresh({page: reference.keys_written_into(page.read_text(encoding="utf-8"))})


def test_the_table_of_metrics_is_as_they_are_declared() -> None:
    page = reference.DOCS / "metrics.md"
    assert_fresh({page: reference.metrics_written_into(page.read_text(encoding="utf-8"))})


def test_every_key_is_explained_and_nothing_else_is() -> None:
    keys = {key for key, _, _ in reference.list_settings()}
    assert keys == reference.MEANINGS.keys(), "tools/reference.py: one meaning for each key"


def test_a_list_is_set_by_a_variable_with_commas(tmp_path: Path) -> None:
    environ = {"BRIDGE_WEBHOOKS_RETRY_SECONDS": "1, 2.5", "BRIDGE_OUTBOUND_ALLOW_NETWORKS": "10.0.0.0/8"}
    found = config.load_config(written(tmp_path, ""), environ)
    assert found.webhooks.retry_seconds == (1.0, 2.5)
    assert found.outbound.allow_networks == ("10.0.0.0/8",)
