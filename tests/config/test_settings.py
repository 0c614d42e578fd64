"""The settings come from four layers, and nothing wrong gets past the door."""

import re
import tomllib
from pathlib import Path

import pytest

from config.settings import KEYS, Admission, PortRange, Settings, SettingsError, Tls, load

DOCUMENTED = Path(__file__).parents[2] / "config" / "vms.toml"


def _written(folder: Path, text: str) -> Path:
    file = folder / "vms.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_documented_file_holds_exactly_the_defaults() -> None:
    assert load(DOCUMENTED, environment={}).settings == Settings()


def test_the_documented_file_names_every_key_and_no_other() -> None:
    # given the file with the keys that are unset by default switched on
    text = re.sub(r"^#(?=\w+ = )", "", DOCUMENTED.read_text(encoding="utf-8"), flags=re.MULTILINE)

    # when it is read as TOML
    document = tomllib.loads(text)

    # then it lists what can be set
    assert {f"{section}.{key}" for section in document for key in document[section]} == set(KEYS)


def test_the_examples_of_the_documented_file_are_accepted(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\w+ = )", "", DOCUMENTED.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert load(_written(tmp_path, text), environment={}).settings.media.workers == 2


def test_a_later_layer_wins_and_each_value_tells_its_origin(tmp_path: Path) -> None:
    # given the same key in the file and the environment, another in the file and the command line
    file = _written(tmp_path, "[http]\nport = 8001\n\n[media]\nidle_s = 5\nhttp_port = 9000\n")

    # when all layers are read
    loaded = load(
        file, {"VMS_HTTP__PORT": "8002", "PATH": "/bin"}, overrides={"media.idle_s": "7.5"}
    )

    # then
    assert loaded.settings.http.port == 8002
    assert loaded.settings.media.idle_s == 7.5
    shown = {row.key: (row.value, str(row.origin)) for row in loaded.effective()}
    assert shown["http.port"] == ("8002", "environment VMS_HTTP__PORT")
    assert shown["media.idle_s"] == ("7.5", "command line --set media.idle_s")
    assert shown["media.http_port"] == ("9000", f"file {file}:6")
    assert shown["rtsp.port"] == ("8554", "default")
    assert list(shown) == list(KEYS)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('[http]\n\nport = "8080"\n', 3, "http.port"),
        ("[http]\nport = 70000\n", 2, "http.port"),
        ("[sip]\nrequire_digest = 1\n", 2, "sip.require_digest"),
        ('[sip]\nserver_id = "123"\n', 2, "sip.server_id"),
        ('[sip]\nadmission = "everyone"\n', 2, "sip.admission"),
        ('[http]\nhots = "127.0.0.1"\n', 2, "http.hots"),
        ("[htpp]\nport = 1\n", 2, "htpp.port"),
        ("verbose = true\n", 1, "verbose"),
        ('[media]\nrtp_port_range = "31000-30000"\n', 2, "media.rtp_port_range"),
        ('[media]\nworkers = 3\nrtp_port_range = "30001-30006"\n', 3, "media.rtp_port_range"),
        ('[media]\npublic_url = "video.example.org"\n', 2, "media.public_url"),
        ('[webrtc]\nice_servers = { "http://a" = "" }\n', 2, "webrtc.ice_servers"),
        ('[webrtc]\nice_servers = { "turn:a:1" = "anna" }\n', 2, "webrtc.ice_servers"),
        ("[media]\nviewer_limit = 0\n", 2, "media.viewer_limit"),
        ('[site]\ntime_zone = "Asia/Nowhere"\n', 2, "site.time_zone"),
        ('[database]\nurl = "mysql://x"\n', 2, "database.url"),
        ('[sip.advertised_addresses]\n"10.0.0.0/33" = "10.0.0.1"\n', 1, "sip.advertised_addresses"),
        ('[http]\ntls = "files"\n', 2, "http.tls"),
        ("[rtsp]\ntls = true\n", 2, "rtsp.tls"),
        ('[http]\ntrusted_proxies = ["proxy.example.org"]\n', 2, "http.trusted_proxies"),
        ('[http]\ntrusted_proxies = ["10.0.0.1/24"]\n', 2, "http.trusted_proxies"),
        ('[http]\ntrusted_proxies = ["10.0.0.1", "::/0"]\n', 2, "http.trusted_proxies"),
        ('[sip.redirects]\n"34x" = "sip:34020000002000000002@10.0.0.6:5060"\n', 1, "sip.redirects"),
        ('[sip.redirects]\n"34" = "sip:34020000002000000002@10.0.0.6"\n', 1, "sip.redirects"),
        ('[sip.redirects]\n"34" = "sip:2@10.0.0.6:5060"\n', 1, "sip.redirects"),
        (
            '[sip.redirects]\n"34" = "sip:34020000002000000001@10.0.0.6:5060"\n',
            1,
            "sip.redirects",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named_by_file_line_and_key(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    file = _written(tmp_path, text)

    with pytest.raises(SettingsError) as refusal:
        load(file, environment={})

    assert refusal.value.problems[0].startswith(f"{file}:{line}: {key}: ")


def test_proxies_are_a_list_in_the_file_and_words_elsewhere(tmp_path: Path) -> None:
    file = _written(tmp_path, '[http]\ntrusted_proxies = ["127.0.0.1", "2001:db8::/64"]\n')
    variable = {"VMS_HTTP__TRUSTED_PROXIES": "127.0.0.1, 10.9.0.0/16"}

    assert load(file, {}).settings.http.trusted_proxies == ("127.0.0.1", "2001:db8::/64")
    assert load(file, variable).settings.http.trusted_proxies == ("127.0.0.1", "10.9.0.0/16")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    file = _written(tmp_path, "[http]\nport = -1\nshade = 1\n")

    with pytest.raises(SettingsError) as refusal:
        load(file, {"VMS_SIP__PORTS": "1"})

    assert [problem.rpartition(":")[0] for problem in refusal.value.problems] == [
        f"{file}:2: http.port",
        f"{file}:3: http.shade",
        "VMS_SIP__PORTS: sip.ports",
    ]


def test_a_file_that_is_no_toml_or_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"vms\.toml: .*line 1"):
        load(_written(tmp_path, "[http\n"), environment={})
    with pytest.raises(SettingsError, match="absent"):
        load(tmp_path / "absent.toml", environment={})


def test_the_environment_speaks_text_for_every_type() -> None:
    settings = load(
        environment={
            "VMS_SIP__REQUIRE_DIGEST": "false",
            "VMS_SIP__ADMISSION": "listed",
            "VMS_HTTP__TLS": "self-signed",
            "VMS_MEDIA__RTP_PORT_RANGE": "40000-40009",
            "VMS_SIP__ADVERTISED_ADDRESSES": '{"10.0.0.0/8": "10.0.0.1"}',
            "VMS_STORAGE__ROOT": "/srv/media",
        }
    ).settings

    assert settings.sip.require_digest is False
    assert settings.sip.admission is Admission.LISTED
    assert settings.http.tls is Tls.SELF_SIGNED
    assert settings.media.rtp_port_range == PortRange(40000, 40009)
    assert settings.sip.advertised_addresses == {"10.0.0.0/8": "10.0.0.1"}
    assert settings.storage.root == Path("/srv/media")


def test_names_an_orchestrator_sets_for_a_service_called_vms_are_not_ours() -> None:
    assert load(environment={"VMS_PORT": "tcp://10.0.0.1:80"}).settings == Settings()


def test_what_is_unset_follows_from_its_neighbours() -> None:
    settings = load(
        environment={"VMS_HTTP__HOST": "192.0.2.1", "VMS_SIP__HOST": "192.0.2.2"}
    ).settings

    assert settings.http.effective_tls is Tls.SELF_SIGNED
    assert Settings().http.effective_tls is Tls.OFF
    assert settings.webrtc_host == "192.0.2.1"
    assert settings.media_host == "192.0.2.2"
    assert settings.media_workers >= 1
    assert load(environment={"VMS_MEDIA__WORKERS": "0"}).settings.media_workers == 0
    few = load(environment={"VMS_MEDIA__RTP_PORT_RANGE": "30000-30001"}).settings
    assert few.media_workers == 1


def test_passwords_of_published_examples_are_refused_and_none_is_ever_printed() -> None:
    with pytest.raises(SettingsError, match="published examples") as refusal:
        load(environment={"VMS_SIP__SHARED_PASSWORD": "12345678"})
    assert "12345678" not in str(refusal.value)

    loaded = load(environment={"VMS_ADMIN__PASSWORD": "canary-secret"})

    assert all("canary" not in row.value for row in loaded.effective())
    assert "canary" not in repr(loaded)
