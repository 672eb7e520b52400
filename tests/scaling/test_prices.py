import re

import pytest

from agent.errors import UnreadableInput
from agent.scaling.prices import NAMES, SHIPPED, load_prices

TEXT = SHIPPED.read_text("utf-8")
ONE_CALL = (
    'calls = { value = 1, unit = "calls", standing = "measured", source = "x", date = 2026-11-20 }'
)


def test_shipped_prices_say_who_says_so_and_when():
    prices = load_prices()
    assert set(prices.value) == NAMES
    assert all(price.source and price.date for price in prices.value.values())
    assert {price.standing for price in prices.value.values()} <= {"measured", "quoted", "assumed"}
    assert all(gpu.calls.standing in {"calculated", "assumed"} for gpu in prices.gpu.values())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t + "\n[oops", "is not valid TOML"),
        (
            lambda t: t.replace('standing = "quoted"', 'standing = "heard"', 1),
            "inr_per_usd.standing",
        ),
        (lambda t: t.replace("value = 22", "value = -1", 1), "value.days.value: Input should be"),
        (lambda t: t.replace("value = 22", 'value = "NaN"', 1), "value.days.value"),
        (lambda t: t.replace("value = 22", "value = 0", 1), "value.days: must be at least 1."),
        (lambda t: t.replace("[value.gst]", "[value.vat]", 1), "lacks value: gst."),
        (
            lambda t: t + '\n[value.x]\nvalue=1\nunit="a"\nstanding="quoted"\nsource="b"',
            "unknown value: x",
        ),
        (
            lambda t: t.replace('value = 0.01\nunit = "calls', 'value = 1\nunit = "calls'),
            "value.blocking",
        ),
        (lambda t: t.replace("value = 0.8", "value = 1.5", 1), "value.headroom"),
        (lambda t: re.sub(r"(\[value\.gst\][^\[]*?)date = \S+", r"\1", t), "gst: has no date"),
        (
            lambda t: re.sub(r"(?m)^(usd_per_hour = .*)$", rf"\1\n{ONE_CALL}", t),
            "no GPU type carries",
        ),
        (
            lambda t: t.replace('[gpu."RTX 3090"]', '[gpu."RTX 9999"]'),
            "gpu.RTX 9999.calls: Field required",
        ),
        (
            lambda t: t.replace('value = 0.15\nunit = "vCPU', 'value = 9\nunit = "vCPU'),
            "carries no call",
        ),
        (lambda t: t[: t.index("[gpu.")], "gpu: Field required"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, change, says):
    path = tmp_path / "prices.toml"
    path.write_text(change(TEXT), encoding="utf-8")
    with pytest.raises(UnreadableInput) as caught:
        load_prices(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableInput, match="not valid TOML in UTF-8"):
        load_prices(path)
