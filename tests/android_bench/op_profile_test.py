import pytest

from android_bench import op_profile
from android_bench.op_profile import OpRow, TypeRow
from pipeline.errors import LogError
from tests.android_bench import log_texts


def test_tables_with_tabs():
    initialization, runs, internal = op_profile.parse(log_texts.OP_TABLES.replace("INFO: ", ""))
    assert (initialization.part, runs.part) == (op_profile.INITIALIZATION, op_profile.RUNS)
    assert [row.node_type for row in initialization.run_order] == [
        "ModifyGraphWithDelegate",
        "AllocateTensors",
    ]
    assert initialization.by_type[0] == TypeRow(
        "ModifyGraphWithDelegate", 1, 12.5, 92.593, 92.593, 844.0, 1
    )
    assert initialization.total.mean_us == 13500
    assert runs.run_order == (
        OpRow(
            "TfLiteXNNPackDelegate", "[net/Softmax;net/Add 2]:31", 5.2, 5.1, 98.077, 98.077, 0.0, 1
        ),
        OpRow("SQUEEZE", "[net/Squeeze]:30", 0.1, 0.1, 1.923, 100.0, 0.0, 1),
    )
    assert runs.by_time == runs.run_order[:1]
    assert runs.total.count == 50
    assert internal.graph == "Delegate internal"
    assert internal.run_order[0].node_type == "Delegate/Convolution (NHWC, QC8) IGEMM"
    assert internal.run_order[0].percent is None


def test_tables_with_spaces_and_start():
    text = log_texts.AVERAGE_LINE[log_texts.AVERAGE_LINE.index("=====") :]
    (profile,) = op_profile.parse(text)
    assert profile.run_order == (
        OpRow("CONV_2D", "[net/Conv/Relu6]", 5.25, 5.125, 64.062, 64.062, 0.0, 1, 0.0),
        OpRow(
            "DEPTHWISE_CONV_2D",
            "[net/depthwise 2/Relu6]",
            2.9,
            2.875,
            35.938,
            100.0,
            0.0,
            1,
            5.13,
        ),
    )


def test_csv():
    (profile,) = op_profile.parse(log_texts.OP_CSV)
    assert profile.run_order[0] == OpRow(
        "Convolution (NHWC, QC8) IGEMM", "[net/a\tnet/b]:0", 3.01, 2.95, 75.0, 75.0, 0.0, 1
    )
    assert [row.count for row in profile.by_type] == [1, 1]


def test_subgraphs_are_told_apart():
    table = log_texts.OP_CSV.split("\n", 1)[1]
    text = (
        "Primary graph (name: main) profile:\n"
        + table
        + "Subgraph (index: 1, name: while_body) profile:\n"
        + table
        + "Subgraph (index: 1, name: while_body) Timings (microseconds): count=1 curr=4\n"
    )
    primary, body = op_profile.parse(text)
    assert (primary.graph, body.graph) == ("", "Subgraph (index: 1, name: while_body)")
    assert (primary.total, body.total.mean_us) == (None, 4.0)


@pytest.mark.parametrize(
    "row",
    [
        "\tCONV_2D\t1.0\tx\t1.0%\t1.0%\t0.0\t1\t[a]",
        "\tCONV_2D\t1.0\t1.0\t1.0%\t1.0%\t0.0\t1",
        "CONV_2D 1.0",
        "\tCONV_2D\t1.0\t1.0\t1.0%\t1.0%\t0.0\t" + "9" * 300 + "\t[a]",
    ],
)
def test_a_damaged_row_is_kept_aside(row):
    lines = log_texts.OP_TABLES.replace("INFO: ", "").split("\n")
    lines.insert(3, row)
    profiles, rest = op_profile.extract(lines)
    assert row in rest
    assert len(profiles[0].run_order) == 2


def test_a_heading_of_other_columns_is_kept_aside():
    heading = (
        "\t[Node type]\t[count]\t[start]\t[avg ms]\t[avg %]\t[cdf %]\t[mem KB]\t[times called]"
    )
    title = "====== Summary by node type ======"
    _, rest = op_profile.extract([title, heading, "\tADD\t1\t2\t3\t4%\t5%\t6\t7"])
    assert rest == [heading, "\tADD\t1\t2\t3\t4%\t5%\t6\t7"]


def test_a_file_without_tables_is_an_error():
    with pytest.raises(LogError, match="got none; the file ends:\nkilled"):
        op_profile.parse("killed")
