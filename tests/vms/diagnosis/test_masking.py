"""What people see of messages holds no secret, and is as long as what was on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.diagnosis.masking import masked
from vms.signalling.snapshots import UPLOAD_PATH

CANARY = b"canary0f9a1c"

REGISTER = (
    b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1371463273\r\n"
    b"From: <sip:34020000001320000001@3402000000>;tag=2043466181\r\n"
    b'Authorization: Digest username="34020000001320000001", realm="3402000000",'
    b' nonce="0123456789abcanary0f9a1c", uri="sip:34020000002000000001@3402000000",'
    b' response="canary0f9a1c", algorithm=MD5, qop=auth, nc=00000001, cnonce="canary0f9a1c"\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def test_a_register_shows_who_asks_and_not_how_it_is_proven() -> None:
    shown = masked(REGISTER)

    assert shown == (
        b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1371463273\r\n"
        b"From: <sip:34020000001320000001@3402000000>;tag=2043466181\r\n"
        b'Authorization: Digest username="34020000001320000001", realm="3402000000",'
        b' nonce="01234567****************", uri="sip:34020000002000000001@3402000000",'
        b' response="************", algorithm=MD5, qop=auth, nc=00000001, cnonce="************"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"X\r\nauthorization:Digest response=canary0f9a1c\r\n\r\n",
        b"X\r\nProxy-Authorization : Digest\r\n\tresponse = canary0f9a1c\r\n\r\n",
        b"X\nAuthorization: Digest username=a, junk canary0f9a1c, x\n\n",
        b'X\r\nAuthorization: Digest username="a" response: "canary0f9a1c"\r\n\r\n',
        b"X\r\nAuthorization: Basic canary0f9a1c\r\n\r\n",
        b"X\r\nAuthorization: Unidirection random1=canary0f9a1c, sign1=canary0f9a1c\r\n\r\n",
        b"X\r\nAuthorization: canary0f9a1c\r\n\r\n",
        b'X\r\nAuthentication-Info: rspauth="canary0f9a1c"\r\n\r\n',
        b'X\r\nWWW-Authenticate: Digest nonce="12345678canary0f9a1c"\r\n\r\n',
        b"<BasicParam><Name>x</Name><Password>canary0f9a1c</Password></BasicParam>",
        b"<Item><password>canary0f9a1c</password></Item>",
        b"<NewPassWord kind='1'><![CDATA[canary0f9a1c]]></NewPassWord>",
        b"<Item><Password>canary0f9a1c</Item>",
        b"<Item><Password>canary0f9a1c",
        b"<Item><Password><![CDATA[canary0f9a1c]]></Item>",
        b"<User Name='x' Password='canary0f9a1c'/>",
        b"<UploadURL>http://192.0.2.1:8080/uploads/canary0f9a1c</UploadURL>",
        b"<UploadURL>canary0f9a1c</UploadURL>",
        b"<FileURL>http://user:canary0f9a1c@192.0.2.1/fw.bin?a=canary0f9a1c</FileURL>",
        b"<Any>http://192.0.2.1/x?token=canary0f9a1c&amp;y=1</Any>",
        b"INVITE sip:someone:canary0f9a1c@192.0.2.1 SIP/2.0\r\n\r\n",
        b"INVITE sip:someone:a,canary0f9a1c@192.0.2.1 SIP/2.0\r\n\r\n",
        b"X\r\nContact: <sip:someone;day=tuesday:canary0f9a1c@192.0.2.1>\r\n\r\n",
        b"X\r\nAuthorization: Digest\r response=canary0f9a1c\r\n\r\n",
        b"X\r\nAuthorization: Digest a=b\rresponse=canary0f9a1c\r\n\r\n",
        b"X\r\n\0Authorization: Digest response=canary0f9a1c\r\n\r\n",
        b"X\r\nX-Auth-Token: canary0f9a1c\r\n\r\n",
        b"X\r\nx-api-key : a\r\n canary0f9a1c\r\n\r\n",
        b"X\r\nCookie: session=canary0f9a1c\r\n\r\n",
        b"<Passwd>canary0f9a1c</Passwd>",
        b"<AccessToken>canary0f9a1c</AccessToken>",
        b"<gb:UploadURL a='1'><![CDATA[http://192.0.2.1/x/canary0f9a1c]]></gb:UploadURL>",
        f"<Where>http://192.0.2.1:8080{UPLOAD_PATH}canary0f9a1c</Where>".encode(),
        b'{"ftpPassword" : "canary0f9a1c"}',
        b"v=0\r\nk=clear:canary0f9a1c\r\n",
        b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:canary0f9a1c|2^20\r\n",
    ],
)
def test_no_spelling_lets_a_secret_through(message: bytes) -> None:
    shown = masked(message)

    assert CANARY not in shown
    assert len(shown) == len(message)


@pytest.mark.parametrize(
    "message",
    [
        b"MESSAGE sip:34020000001320000001@192.0.2.7:5060 SIP/2.0\r\nCSeq: 20 MESSAGE\r\n\r\n",
        b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><Status>OK</Status></Notify>",
        b"<Password></Password>",
        b"<UploadURL/><Interval>1</Interval><Secrecy>0</Secrecy>",
        b"X\r\nVia: SIP/2.0/UDP a\r\nRoute: <sip:a:5060;lr>, <sip:b@c:5060;lr>\r\n\r\n",
        b"v=0\r\ns=Play\r\nc=IN IP4 192.0.2.7\r\nm=video 30000 RTP/AVP 96\r\ny=0200000001\r\n",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(message: bytes) -> None:
    assert masked(message) == message


@given(st.binary(max_size=300))
def test_any_bytes_keep_their_length(message: bytes) -> None:
    assert len(masked(message)) == len(message)
    assert len(masked(b"X\r\nAuthorization: " + message)) == len(message) + 18


@pytest.mark.parametrize(
    "piece",
    [
        b"<Password>",
        b"</password",
        b"password",
        b"a",
        b"sip:a:",
        b"&token",
        b"://a:",
        b'a="',
        b"\r\n ",
        b"\nx-token",
        b"<uploadurl>",
        b"'token",
        b"inline:",
    ],
)
def test_no_message_is_too_tangled_to_be_shown(piece: bytes) -> None:
    """A search whose cost grew with the square of the length would not end here in minutes."""
    message = b"Authorization: Digest " + piece * (600_000 // len(piece))

    assert len(masked(message)) == len(message)
