"""Printed texts are compared as numbers: rounding passes, and whatever is really wrong does not."""

from __future__ import annotations

import printed
import pytest
from hypothesis import given
from hypothesis import strategies as st

SAME = [
    ("0.71034", "0.71033"),  # an optimum on two processors
    ("1.7431e-14", "1.8985e-14"),  # residues of rounding
    ("1.7e-14", "-2.2e-16"),
    ("2.2e-16", "0.0"),
    ("0", "1.1e-16"),
    ("-0.0", "0.0"),
    ("-0.00 %", "0.00 %"),
    ("9.99", "10.0"),  # three digits, rounded up
    ("9.99", "10.00"),  # two decimals
    ("999.9", "1,000.0"),
    ("9.9e-08", "1.0e-07"),
    ("9.9e-08", "1e-07"),  # a general format drops zeros
    ("0.7103", "0.71031"),
    ("0.70999", "0.71"),
    ("-0.31", "-0.32"),
    ("−0.31", "−0.32"),  # a typographic minus
    ("+1.20", "+1.21"),
    ("1.21e+08", "1.22e+08"),
    ("1.21 × 10⁵", "1.22 × 10⁵"),
    ("9.99×10⁵", "1.00×10⁶"),
    ("$1.21 \\times 10^{-5}$", "$1.22 \\times 10^{-5}$"),
    ("12.1 %, **0.52** ± 0.13", "12.2 %, **0.51** ± 0.14"),
    ("0.05-0.15", "0.06-0.14"),  # a range
    ("N^{0.348}", "N^{0.347}"),
    ("| -0.31 | 2.5 |", "| -0.32 | 2.5 |"),
    ("<td style='width:1.50em'>0.52</td>", "<td style='width:1.50em'>0.53</td>"),
    ("1.5B, 0.71x, 3.5GB", "1.6B, 0.70x, 3.4GB"),
    ("nan inf", "nan inf"),
    ("0.3", "0.4"),  # a fixed format claims no more than its last place
    ("0.00", "0.01"),
]
DIFFERENT = [
    ("0.71034", "0.71014"),  # the last but one
    ("0.71034", "0.71032"),
    ("0.71034", "0.81034"),
    ("12", "13"),
    ("1,234,567", "1,234,568"),
    ("1,234", "1234"),
    ("124439808 parameters", "124439809 parameters"),
    ("2^20", "2^21"),
    ("10^-8", "10^-7"),
    ("0.52", "-0.52"),
    ("-0.01", "0.01"),
    ("−0.52", "0.52"),
    ("-0.52", "−0.52"),  # printed otherwise
    ("+0.52", "0.52"),
    ("0.05-0.15", "0.05 -0.15"),
    ("0.05-0.15", "0.05-0.17"),
    ("1e-08", "1e-07"),
    ("1e-08", "2e-08"),
    ("1.00e-08", "1.00e-07"),
    ("1.21 × 10⁵", "1.21 × 10⁶"),
    ("1.21 × 10^5", "1.21 × 10⁵"),
    ("1.21 × 10^5", "1.21e5"),
    ("$1.21 \\times 10^{5}$", "$1.21 \\times 10^{6}$"),
    ("1.7431e-14", "1.7431e-06"),  # a residue, and none
    ("1.7431e-14", "1.0e-11"),
    ("0.0", "1e-6"),
    ("0.00", "0.02"),
    ("0.52", "0.5"),
    ("0.71034", "0.7103"),  # digits cut off
    ("0.71034", "0.71"),
    ("0.71", "0.710"),  # a digit added
    ("0.710", "0.71"),
    ("0.710", "0.7101"),  # a fixed format keeps its zeros
    ("0.71", "0.713"),
    ("1.50", "1.5"),
    ("12", "12.1"),
    ("12.0", "12"),
    ("2", "2.01"),
    ("0.52 nats", "0.52 bits"),
    ("0.52 s", "0.52 ms"),
    ("12.1 %", "12.1"),
    ("0.52 ± 0.13", "0.52"),
    ("0.52 ± 0.13", "0.52 ± 0.31"),
    ("| 0.52 | 0.71 |", "| 0.71 | 0.52 |"),  # columns exchanged
    ("a 0.52\nb 0.71", "a 0.52"),  # a row missing
    ("a 0.52\nb 0.71", "b 0.71\na 0.52"),
    ("✓ It holds.", "It holds."),
    ("nan", "0.5"),
    ("nan", "inf"),
    ("inf", "-inf"),
    ("numpy 2.1.3", "numpy 2.1.4"),
    ("version 2.13", "version 2.14"),
    ("(Kaplan et al., Eq. 1.1)", "(Kaplan et al., Eq. 1.2)"),
    ("Table 3", "Table 4"),
    ("[paper](https://arxiv.org/abs/2203.15556)", "[paper](https://arxiv.org/abs/2203.15557)"),
    ("arXiv:2203.15556", "arXiv:2203.15557"),
    ("<p style='margin:1.50em'>a</p>", "<p style='margin:1.51em'>a</p>"),
    ("GPT-3", "GPT-4"),
    ("x0.51", "x0.52"),  # a name
    ("It is 12.", "It is 13."),
    ("log10", "log2"),
    ("", "0.5"),
    ("0.5", ""),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_result_on_another_machine(one, other):
    assert printed.differences(one, other) == []
    assert printed.differences(other, one) == []


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_result(one, other):
    for stored, now in ((one, other), (other, one)):
        said = printed.differences(stored, now)
        assert said
        assert all(said)


def test_the_number_the_distance_and_what_is_allowed_are_told():
    (said,) = printed.differences("α 0.35, **β** 0.71034", "α 0.35, **β** 0.71054")
    assert said == (
        "number 2 of 2, after ', **β** ': stored 0.71034, now 0.71054; "
        "they differ by 0.0002, and 0.00001 is allowed"
    )


def test_several_numbers_are_told_one_by_one():
    assert len(printed.differences("1.23 4.56 7.89", "1.33 4.57 7.99")) == 2


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.05-0.15", [0.05, 0.15]),
        ("-0.05 − 0.15, −0.15", [-0.05, 0.15, -0.15]),
        ("[1e-08, 2.5E+3] .5", [1e-8, 2500, 0.5]),
        ("1,234,567.5 and 12,34", [1234567.5, 12, 34]),
        ("6.4 \\times 10^{13} · 3×10⁻² 2^20", [6.4e13, 0.03, 2, 20]),
        ("p<0.5, n=3.", [0.5, 3]),
    ],
)
def test_numbers_are_read(text, values):
    pieces, numbers = printed.split(text)
    assert [float(number.value) for number in numbers] == values
    woven = "".join(a + n.text for a, n in zip(pieces, numbers, strict=False)) + pieces[-1]
    assert woven == text


FORMATS = st.sampled_from(["{:.2f}", "{:.5f}", "{:.3e}", "{:+.4f}", "{:,.2f}", "{:.4g}", "{:.6g}"])


@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-3), FORMATS)
def test_last_bits_pass_and_five_hundredths_do_not(value, form):
    text = form.format(value)
    _, (number,) = printed.split(text)
    nudged = form.format(value * (1 + 4 * 2.2e-16))
    fixed = "g" not in form  # a general format may show a whole number
    if fixed:
        assert printed.differences(text, nudged) == []
    if number.digits > 2:
        assert printed.differences(text, form.format(value * 1.05))
    if abs(number.value) > number.unit:
        assert printed.differences(text, form.format(-value))
