"""Tables of runs: every dress in which one file comes, and every kind of bad input."""

import io
import json
import sys

import numpy as np
import pytest

from scaling_utils import tables
from scaling_utils.tables import TableError
from scaling_utils.tables._delimited import read_delimited
from scaling_utils.tables._json import read_json
from scaling_utils.tables._numbers import number_of
from scaling_utils.tables._source import CHUNK, SAMPLE

N = [20e6, 20e6, 80e6, 1.2e9]
D = [1e8, 4e8, 1.6e9, 24e9]
LOSS = [5.2152, 4.5097, 3.75, 2.875]
PLAIN = "N,D,loss\n20000000,100000000,5.2152\n20000000,400000000,4.5097\n" + (
    "80000000,1600000000,3.75\n1200000000,24000000000,2.875\n"
)


def rows() -> list[dict]:
    return [{"N": n, "D": d, "loss": x} for n, d, x in zip(N, D, LOSS, strict=True)]


def same(runs) -> None:
    """What is read is the plain file's, number for number."""
    assert runs["N"].tolist() == N
    assert runs["D"].tolist() == D
    assert runs["loss"].tolist() == LOSS


def written(tmp_path, text, name="runs.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def codes(runs) -> list[str]:
    return [remark.code for remark in runs.remarks]


# --- one table in many dresses --------------------------------------------------------

GROUPED = (
    'N,D,loss\n"20,000,000","100,000,000",5.2152\n"20,000,000","400,000,000",4.5097\n'
    '"80,000,000","1,600,000,000",3.75\n"1,200,000,000","24,000,000,000",2.875\n'
)
COMMAS = "N;D;loss\n20000000;1e8;5,2152\n2e7;4e8;4,5097\n8e7;1,6e9;3,75\n1,2e9;24e9;2,875\n"
DOTTED = (
    "N;D;loss\n20.000.000;100.000.000;5,2152\n20.000.000;400.000.000;4,5097\n"
    "80.000.000;1.600.000.000;3,75\n1.200.000.000;24.000.000.000;2,875\n"
)
SUFFIXED = (
    "N,D,loss\n20M,100M,5.2152\n20m,0.4B,4.5097\n80M params,1.6B tokens,3.75\n"
    "1.2x10^9,2.4 × 10^10,2.875\n"
)
MARKDOWN = (
    "| N | D | loss |\n|---|---:|:---|\n| 2e7 | 1e8 | 5.2152 |\n| 2e7 | 4e8 | 4.5097 |\n"
    "| 8e7 | 1.6e9 | 3.75 |\n| 1.2e9 | 2.4e10 | 2.875 |\n"
)
DRESSES = {
    "plain": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "white space": PLAIN.replace(",", "   "),
    "Markdown": MARKDOWN,
    "comments": "# exported\n#\n" + PLAIN.replace("3.75\n", "3.75\n# half-way\n\n"),
    "a commented header": "# " + PLAIN.replace(",", " "),
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "old Macs": PLAIN.replace("\n", "\r"),
    "a spreadsheet's first line": "sep=;\n" + PLAIN.replace(",", ";"),
    "trailing separators": PLAIN.replace("\n", ",\n").replace("loss,", "loss"),
    "quotes and spaces": PLAIN.replace(",", '" , "').replace("\n", '"\n"')[:-1].join(['"', ""]),
    "thousands": GROUPED,
    "decimal commas": COMMAS,
    "decimal commas and points": DOTTED,
    "suffixes": SUFFIXED,
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16 with a mark": PLAIN.encode("utf-16"),
    "UTF-16 big-endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "JSON objects": json.dumps(rows()),
    "JSON lines": "\n".join(map(json.dumps, rows())) + "\n",
    "JSON columns": json.dumps({"N": N, "D": D, "loss": LOSS}),
    "JSON inside an object": json.dumps({"made": "2024", "runs": rows()}),
    "JSON runs by name": json.dumps({f"run-{k}": row for k, row in enumerate(rows())}),
    "JSON of pandas": json.dumps(
        {name: {str(k): v for k, v in enumerate(column)}
         for name, column in (("N", N), ("D", D), ("loss", LOSS))}
    ),
    "JSON of pandas, split": json.dumps(
        {"columns": ["N", "D", "loss"], "index": [0, 1, 2, 3],
         "data": [list(row.values()) for row in rows()]}
    ),
    "JSON lists": json.dumps([["N", "D", "loss"], *(list(row.values()) for row in rows())]),
}  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
def test_one_table_in_many_dresses(tmp_path, dress):
    same(tables.read(written(tmp_path, DRESSES[dress])))


def test_json_is_the_same_however_the_blocks_fall():
    """A number may be cut in two, and a list may end anywhere."""
    for text in (DRESSES["JSON objects"], DRESSES["JSON lines"], "[1e8, 2, 3]"):
        whole = list(json.loads(text) if text[0] == "[" else map(json.loads, text.splitlines()))
        for size in (1, 2, 3, 7):
            blocks = iter(text[k : k + size] for k in range(0, len(text), size))
            if isinstance(whole[0], dict):
                source = read_json("runs", blocks)
                chunk = next(source.chunks([0, 1, 2]))
                assert [list(column) for column in chunk.columns] == [N, D, LOSS]


def test_a_header_can_be_given(tmp_path):
    bare = PLAIN.split("\n", 1)[1]
    path = written(tmp_path, bare)
    with pytest.raises(TableError, match=r"has no header line.*--columns N,D,loss"):
        tables.read(path)
    same(tables.read(path, header=["N", "D", "loss"]))
    with pytest.raises(TableError, match="--columns names 2 columns, the table has 3"):
        tables.read(path, header=["N", "D"])


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode("utf-16"))))
    same(tables.read("-"))


class Frame:
    """The least that a frame of any library is: names, and columns that numpy takes."""

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def test_frames_of_any_library():
    columns = {"N": N, "D": D, "loss": LOSS}
    same(tables.read(Frame(columns)))
    same(tables.read(columns))
    text = {name: list(map(str, column)) for name, column in columns.items()}
    same(tables.read(Frame(text)))
    masked = np.ma.masked_array([*LOSS], mask=[False, True, False, False])
    runs = tables.read(Frame({**columns, "loss": masked}))
    assert runs["loss"].tolist() == [LOSS[0], *LOSS[2:]]
    assert runs.left_out == {"no loss": 1}
    with pytest.raises(TypeError, match="a frame with columns"):
        tables.read(3)
    with pytest.raises(TableError, match="must have one length"):
        tables.read({"N": N, "D": D[:2], "loss": LOSS})


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is read where pyarrow is installed")
    from pyarrow import parquet

    nested = [{"n_params": int(n)} for n in N]
    table = pyarrow.table({"config": nested, "tokens": D, "loss": LOSS})
    same(tables.read(table.flatten().rename_columns(["N", "D", "loss"])))
    parquet.write_table(table, tmp_path / "runs.parquet")
    runs = tables.read(tmp_path / "runs.parquet")
    same(runs)
    assert runs.names["N"] == "config.n_params"
    broken = (tmp_path / "runs.parquet").read_bytes()[:200]
    with pytest.raises(TableError, match="cannot be read as Parquet"):
        tables.read(written(tmp_path, broken))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match="needs pyarrow: install the extra parquet"):
        tables.read(written(tmp_path, b"PAR1" + bytes(100)))


# --- numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("73.8M", 73.8e6), ("73,824,672", 73_824_672), ("1e9", 1e9), ("410m", 410e6),
        ("1.4T tokens", 1.4e12), ("7B params", 7e9), ("1.5 × 10^18", 1.5e18),
        ("2*10**9", 2e9), ("1_000_000", 1e6), ("20 000 000", 2e7), ("20'000'000", 2e7),
        ("6 EFLOPs", 6e18), (".5", 0.5), ("+3", 3), (True, None), ("12,34", None),
        ("1.2.3", None), ("about 7B", None), ("7Q", None), ("1e999x", None), ([1], None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text, number):
    if number is None:
        with pytest.raises(ValueError, match=r"no number|a truth value"):
            number_of(text)
    else:
        assert number_of(text) == pytest.approx(number, rel=1e-15)


# --- which column is which ----------------------------------------------------------------

# Headers of public tables and exports, and of the ways that people write them.
HEADERS = {
    "x,y,color,Model Size,Training FLOP,hex_color,loss": ("Model Size", None, "Training FLOP"),
    "parameters,compute_budget,final_loss": ("parameters", None, "compute_budget"),
    "run,params_total,tokens_trained,val_loss,hours": ("params_total", "tokens_trained", None),
    "Name,State,n_params,train_tokens,eval/loss,lr": ("n_params", "train_tokens", None),
    "num_parameters,dataset_size,Loss": ("num_parameters", "dataset_size", None),
    "Model Size,Training Tokens,Final Loss": ("Model Size", "Training Tokens", None),
    "nParams,nTokens,testLoss": ("nParams", "nTokens", None),
    "# Params,Tokens Seen,Validation Loss": ("# Params", "Tokens Seen", None),
    "model_size,tokens,train_loss": ("model_size", "tokens", None),
    "n,d,Loss": ("n", "d", None),
    "N,flops,test loss": ("N", None, "flops"),
    "config.n_params,summary.tokens,summary.loss": ("config.n_params", "summary.tokens", None),
    "params,tokens,batch_size_in_tokens,aux_loss,loss_std,eval/c4/CrossEntropyLoss": (
        "params", "tokens", None),
    "loss,C4 Eval Loss,N,N_no_emb,D,C,C_no_emb,C_6ND,train_tokens,peak_lr": ("N", "D", "C"),
}  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_found_by_the_names_that_people_use(header):
    sizes = {"N": 2e8, "D": 4e9, "C": 4.8e18}
    wanted = dict(zip("NDC", HEADERS[header], strict=True))
    table = {name: ["7"] * 2 for name in header.split(",")}
    for role, column in wanted.items():
        if column:
            table[column] = [sizes[role]] * 2
    loss = next(name for name in header.split(",") if "oss" in name and name[:3] != "aux"
                and "std" not in name)  # fmt: skip
    table[loss] = [3.5, 3.25]
    runs = tables.read(table)
    assert runs.names["loss"] == loss
    for role, column in wanted.items():
        assert runs.names.get(role) == column
        assert runs[role].tolist() == [pytest.approx(sizes[role])] * 2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("N,D,loss_c4,loss_pile", "loss could be 'loss_c4', 'loss_pile'; say which with --loss"),
        ("params,model_size,tokens,loss", "N could be 'params', 'model_size'; say which with --N"),
        ("params,tokens", "needs a column loss and two of the columns N, D and C, found: params"),
        ("width,steps,loss", "needs a column loss and two .* --loss, --N, --D and --C name yours"),
        ("N,D,loss,loss", "column loss appears more than once"),
    ],
)
def test_what_is_not_clear_is_asked_about(header, message):
    text = header + "\n" + ",".join("7" for _ in header.split(",")) + "\n"
    source = io.StringIO(text)
    with pytest.raises(TableError, match=message):
        _read(source)


def _read(text: io.StringIO):
    """Read a text as if it came through standard input."""
    before, sys.stdin = sys.stdin, text
    try:
        return tables.read("-")
    finally:
        sys.stdin = before


def test_columns_can_be_named(tmp_path):
    text = "size,steps,ce,ce2\n20,100,5,1\n40,200,4,1\n"
    path = written(tmp_path, text)
    named = {"N": "size*1e6", "D": "steps*524288", "loss": "ce"}
    runs = tables.read(path, columns=named)
    assert runs["N"].tolist() == [20e6, 40e6]
    assert runs["D"].tolist() == [52428800, 104857600]
    assert codes(runs) == []  # nothing was assumed
    with pytest.raises(TableError, match=r"--loss names column cee.*near: ce"):
        tables.read(path, columns={**named, "loss": "cee"})
    with pytest.raises(TableError, match="cannot be both loss and N"):
        tables.read(path, columns={**named, "N": "ce"})


def test_what_was_assumed_is_told_in_one_line():
    runs = tables.read({"params (M)": [20, 40], "tokens [B]": [1, 2], "val_ppl": [50, 40]})
    assert runs["N"].tolist() == [20e6, 40e6]
    assert runs["D"].tolist() == [1e9, 2e9]
    np.testing.assert_allclose(runs["loss"], np.log([50, 40]))
    (remark,) = runs.remarks
    assert remark.code == "assumed"
    for words in ("'params (M)' in millions", "'tokens [B]' in billions",
                  "loss is the logarithm of 'val_ppl'", "--N", "--D", "--loss"):  # fmt: skip
        assert words in remark.sentence
    assert tables.read({"N": N, "D": D, "loss": LOSS}).remarks == ()


@pytest.mark.parametrize(
    ("header", "factor"),
    [("compute (PF-days)", 8.64e19), ("C (EFLOP)", 1e18), ("FLOPs (1e18)", 1e18),
     ("training FLOPs [x 10^20]", 1e20), ("flops (ZFLOPs)", 1e21)],
)  # fmt: skip
def test_units_in_a_header(header, factor):
    runs = tables.read({"N": [1e9, 2e9], header: [6e21 / factor] * 2, "loss": [3.0, 2.9]})
    np.testing.assert_allclose(runs["D"], [1e12, 5e11])


def test_losses_in_bits_and_as_perplexities():
    columns = {"N": N[:2], "D": D[:2], "loss": [4.0, 8.0]}
    bits = tables.read(columns, units=tables.said_units(loss="bits"))
    np.testing.assert_allclose(bits["loss"], np.log(2) * np.array([4, 8]))
    perplexities = tables.read(columns, units=tables.said_units(loss="perplexity"))
    np.testing.assert_allclose(perplexities["loss"], np.log([4, 8]))
    with pytest.raises(TableError, match="is it a perplexity"):
        tables.read({**columns, "loss": [40.0, 80.0]})
    with pytest.raises(ValueError, match=r"one of nats, bits, perplexity, got 'dits'"):
        tables.said_units(loss="dits")


def test_a_logarithm_is_refused():
    with pytest.raises(TableError, match="is a logarithm; give the number itself"):
        tables.read({"params (log10)": [7, 8], "D": D[:2], "loss": LOSS[:2]})


# --- rows left out, kept, marked, grouped ---------------------------------------------------


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "N/A", "null", "None", "inf", " - ", "<NA>"])
def test_missing_cells_are_left_out_and_counted(tmp_path, cell):
    runs = tables.read(written(tmp_path, PLAIN + f"3e7,2e9,{cell}\n,2e9,3.5\n"))
    same(runs)
    assert runs.left_out == {"no loss": 1, "no N": 1}
    assert codes(runs) == ["rows-left-out"]


def test_conditions(tmp_path):
    text = "set,N,D,loss\nc4,2e7,1e8,5\nc4,2e7,4e8,4.5\npile,2e7,4e8,text\nc4,4e7,4e8,4.25\n"
    path = written(tmp_path, text)
    where = [tables.parse_condition(each) for each in ("set=c4", "loss<5", "C>5e16")]
    runs = tables.read(path, where=where)
    assert runs["loss"].tolist() == [4.25]  # C = 6 N D of the other one is 4.8e16
    assert runs.left_out == {"set=c4 not met": 1, "loss<5 not met": 1, "C>5e16 not met": 1}
    assert runs.lines.tolist() == [5]
    mark = [tables.parse_condition("N>=40M")]
    marked = tables.read(path, where=where[:1], mark=mark)
    assert marked.marked.tolist() == [False, False, True]
    with pytest.raises(
        TableError, match=r"runs.csv: no run is left \(1 with set=c4 not met, 3 with loss>100"
    ):
        tables.read(path, where=[where[0], tables.parse_condition("loss>100")])
    with pytest.raises(TableError, match="--where names column sett"):
        tables.read(path, where=[tables.parse_condition("sett=c4")])


@pytest.mark.parametrize("text", ["loss", "loss<", "=4", "loss<low", "loss ~ 4"])
def test_conditions_that_state_none(text):
    with pytest.raises(ValueError, match="condition"):
        tables.parse_condition(text)


def test_groups_and_weights(tmp_path):
    text = "run,seed,w,N,D,loss\na,0,1,2e7,1e8,5\na,1,2,2e7,4e8,4.5\nb,0,4,4e7,4e8,4.25\n"
    path = written(tmp_path, text)
    runs = tables.read(path, group="run", weights="w")
    assert runs.labels == ("a", "b")
    assert runs.group.tolist() == [0, 0, 1]
    assert runs.weights.tolist() == [1, 2, 4]
    assert len(set(tables.read(path, group="run,seed").group.tolist())) == 3
    bad = written(tmp_path, text.replace("a,1,2", "a,1,-2"))
    with pytest.raises(TableError, match=r"row 2 .line 3., column w: must be a positive finite"):
        tables.read(bad, weights="w")


def test_checkpoints_copies_and_mixtures_are_noticed(tmp_path):
    text = "run,dataset,N,D,loss\n" + "".join(
        f"run{k // 3},{'c4' if k < 6 else 'pile'},{(k // 3 + 1)}e7,{k % 3 + 1}e8,{5 - k / 10}\n"
        for k in range(12)
    )
    runs = tables.read(written(tmp_path, text))
    assert codes(runs) == ["several-rows-per-run", "mixed-rows"]
    assert "names 4 runs for 12 rows" in runs.remarks[0].sentence
    assert codes(tables.read(written(tmp_path, text), group="run")) == ["mixed-rows"]
    stepped = text.replace("run,dataset", "current_steps,which").replace("run", "1")
    assert codes(tables.read(written(tmp_path, stepped))) == []  # three rows for each size
    one = {"current_steps": range(8), "N": [1e7] * 8, "D": np.arange(1e8, 9e8, 1e8),
           "loss": np.linspace(5, 4, 8)}  # fmt: skip
    assert codes(tables.read(one)) == ["several-rows-per-run"]
    assert codes(tables.read(written(tmp_path, PLAIN + PLAIN.split("\n")[1] + "\n"))) == [
        "repeated-rows"
    ]


# --- exports of W&B -------------------------------------------------------------------------


def test_a_chart_of_wandb_has_a_column_per_run(tmp_path):
    text = (
        '"tokens","20M-a - eval/loss","20M-a - eval/loss__MIN","20M-a - eval/loss__MAX",'
        '"80M-b - eval/loss","80M-b - eval/loss__MIN","80M-b - eval/loss__MAX"\n'
        "1e8,5.5,5.4,5.6,,,\n4e8,4.5,4.4,4.6,4.25,4.2,4.3\n"
    )
    path = written(tmp_path, text)
    runs = tables.read(path, pattern=r"(?P<N>\d+M)")
    assert runs["N"].tolist() == [20e6, 20e6, 80e6]
    assert runs["D"].tolist() == [1e8, 4e8, 4e8]
    assert runs["loss"].tolist() == [5.5, 4.5, 4.25]
    assert tables.read(path, pattern=r"(?P<N>\d+M)", group="run").labels == ("20M-a", "80M-b")


def test_dictionaries_in_the_cells_of_wandb(tmp_path):
    """`pd.DataFrame({"summary": ..., "config": ..., "name": ...}).to_csv`, as the manual has it."""
    text = (
        ",summary,config,name\n"
        "0,\"{'eval/loss': 3.5, 'x': nan}\",\"{'n_params': 20000000, 'tokens': 4e8}\",a\n"
        "1,\"{'eval/loss': 3.25, '_step': 10}\",\"{'n_params': 40000000, 'tokens': 4e8}\",b\n"
        "2,{},\"{'n_params': 40000000, 'tokens': 4e8}\",c\n"
    )
    runs = tables.read(written(tmp_path, text))
    assert runs["N"].tolist() == [20e6, 40e6]
    assert runs["loss"].tolist() == [3.5, 3.25]
    assert runs.left_out == {"no loss": 1}
    assert runs.names["loss"] == "summary.eval/loss"


# --- hostile input ---------------------------------------------------------------------------

DEEP = "[" * 100_000
GOOD = "N,D,loss\n2e7,1e8,5\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY\x01\x00", "is an array of numpy, not a text file"),
        (b"\x1f\x8b\x08\x00rest", "is compressed by gzip: unpack it first"),
        (b"PK\x03\x04rest", "is an archive or a spreadsheet: save the sheet as CSV"),
        (b"\x80\x04\x95\x00", "is a pickle, which could run code when read"),
        (bytes(range(256)) * 4, "is not a text file in UTF-8 or UTF-16"),
        (b"N,D,loss\n\xff\xfe", "is not a text file in UTF-8"),
        (b"", "is empty"),
        (b"   \n\n  ", "is empty"),
        (b"N,D,loss\n", "has a header line but no runs"),
        (GOOD + '2e7,1e8,"' + "x" * 200_000, "a cell has more than 131,072 characters"),
        (GOOD + "2e7,1e8,5,6\n", r"row 2 .line 3.: has 4 cells, the header has 3; a number with"),
        (GOOD + "2e7,1e8,five\n", r"row 2 .line 3., column loss: must be a positive .*'five'"),
        (GOOD + "2e7,-1,5\n", r"row 2 .line 3., column D: must be a positive finite number"),
        (GOOD + "0,1e8,5\n", r"row 2 .line 3., column N: must be a positive finite number"),
        (GOOD + "2e7," + "9" * 5000 + ",5\n", r"column D: must be a positive finite number"),
        ("N,D,loss\n2e7,1e8,True\n", "column loss: must be a positive finite number, got 'True'"),
        (DEEP, "nested too deeply|is no valid JSON"),
        ("[" + '{"a":' * 20 + "1" + "}" * 20 + "]", "is nested deeper than 16 levels"),
        ('[{"N": 1e9', "is no valid JSON after its value 0"),
        ("[1, 2]", "row 1: must be an object, got 1"),
        ("{}", "needs a column loss"),
        ("[]", "holds no runs"),
        ('[{"N":' + "9" * 5000 + ',"D":1e9,"loss":3}]', "too many digits|positive finite"),
        ('[{"N": 2e8, "D": 1e9, "loss": [3]}]', "column loss: must be a positive finite number"),
        ('[{"N": 2e8, "D": 1e9, "loss": true}]', "column loss: .*got True"),
        ('[["N", "D", "loss"], [1, 2]]', "row 1: must hold 3 cells"),
    ],
)
def test_hostile_input_ends_in_one_line(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(TableError, match=message) as error:
        tables.read(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_names_cannot_speak_to_the_terminal(tmp_path):
    path = written(tmp_path, 'N,D,"lo\x1b[2J\nss"\n2e7,1e8,5\n')
    with pytest.raises(TableError) as error:
        tables.read(path)
    assert str(error.value).isprintable()


def test_a_line_that_never_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("scaling_utils.tables._text.LONGEST_LINE", 1000)
    with pytest.raises(TableError, match="line 1: is longer than"):
        tables.read(written(tmp_path, "N" * 5000))


def test_rows_are_taken_in_chunks():
    """The text of a long table is never all in memory: no more lines are asked for than needed."""
    asked = 0

    def lines():
        nonlocal asked
        yield "N,D,loss\n"
        while True:  # a table without an end
            asked += 1
            yield "20000000,100000000,5.2152\n"

    source = read_delimited("endless", lines(), None, None)
    assert asked <= SAMPLE + 1
    chunks = source.chunks([0, 2])
    for k in range(1, 3):
        chunk = next(chunks)
        assert [len(column) for column in chunk.columns] == [CHUNK, CHUNK]
        assert asked <= SAMPLE + 1 + k * CHUNK


def test_json_runs_are_taken_one_by_one():
    asked = 0

    def blocks():
        nonlocal asked
        yield "["
        while True:
            asked += 1
            yield '{"N": 2e7, "D": 1e8, "loss": 5.2},\n'

    source = read_json("endless", blocks())
    assert asked <= SAMPLE + 2
    assert len(next(source.chunks([0])).columns[0]) == CHUNK
    assert asked <= CHUNK + 2
