"""The whole road, run as a user runs it, and what bad input does on the way."""

import dataclasses
import json

import pytest

from pipeline import flatbuffer
from tests.pipeline.interpreter.one_op import Operand, model


@pytest.fixture(scope="module")
def road(run_tool, tmp_path_factory):
    """(output folder, what the terminal shows) of a short run on the embedded data set."""
    folder = tmp_path_factory.mktemp("road") / "out"
    done = run_tool(
        "run_pipeline",
        f"--output_dir={folder}",
        *("--float_epochs=6", "--qat_epochs=1", "--batch_size=32", "--num_inputs=8"),
        timeout_s=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.mark.timeout(700)
def test_ends_with_verdicts_and_files(road):
    folder, shown = road
    table = shown[shown.rindex("accuracy") :]
    assert table.count("yes") == 3
    assert str(folder / "model_int8.tflite") in table


def test_accuracy_survives_quantization(road):
    folder, _ = road
    keras = json.loads((folder / "evaluate_keras.json").read_text())["results"]
    (int8,) = json.loads((folder / "evaluate_int8.json").read_text())["results"].values()
    assert keras["float"]["share"] >= 0.9
    assert abs(int8["share"] - keras["fake-quant"]["share"]) <= 0.006
    assert int8["share"] >= keras["float"]["share"] - 0.03


def test_every_tensor_is_exact_and_every_layer_faithful(road):
    folder, _ = road
    results = json.loads((folder / "verify.json").read_text())["results"]
    assert results["is_exact"]
    assert results["fidelity_holds"]
    assert len(results["fidelity"]["layers"]) == 14
    assert results["fidelity"]["unmatched"] == []


def test_debug_names_a_layer_with_a_channel_zeroed(road, run_tool, tmp_path):
    folder, _ = road
    graph = flatbuffer.read(folder / "model_int8.tflite")
    op = graph.main.operators[4]
    tensors = list(graph.main.tensors)
    weights = tensors[op.inputs[1]]
    data = weights.data.copy()
    data[5] = 0
    tensors[weights.index] = dataclasses.replace(weights, data=data)
    main = dataclasses.replace(graph.main, tensors=tuple(tensors))
    path, nodes, network = (tmp_path / it for it in ("faulty.tflite", "own.json", "network.json"))
    path.write_bytes(flatbuffer.write(dataclasses.replace(graph, subgraphs=(main,))))
    report = tmp_path / "debug.json"
    done = run_tool(
        *("debug", f"--model={path}", f"--run_dir={folder / 'run'}", "--num_inputs=8"),
        *(f"--report={report}", f"--node_data={nodes}", f"--network_node_data={network}"),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(report.read_text())["results"]
    suspect = next(it for it in results["layers"] if it["layer"] == results["suspects"][0])
    assert (suspect["op_index"], suspect["cause"]) == (4, "weight rounding")
    assert suspect["worst_channels"][0][0] == 5
    assert f"first suspect: layer {suspect['layer']}, op 4 {op.op}" in done.stdout
    values = json.loads(nodes.read_text())["results"]
    worst = min(values, key=lambda name: values[name]["value"])
    assert worst == tensors[op.outputs[0]].name
    # In front of the fault nothing is lost, behind it much is.
    through = {it["op_index"]: it["network"]["db"] for it in results["layers"]}
    assert min(through[index] for index in range(4)) > 25 > through[4]
    assert f"the error grows most at layer {suspect['layer']}, op 4 {op.op}" in done.stdout
    assert set(json.loads(network.read_text())["results"]) == set(values)


def test_debug_ranks_the_layers_of_the_run(road, run_tool, tmp_path):
    folder, _ = road
    report = tmp_path / "debug.json"
    done = run_tool(
        *("debug", f"--model={folder / 'model_int8.tflite'}", f"--run_dir={folder / 'run'}"),
        *("--num_inputs=1", "--sensitivity=both", "--sensitivity_inputs=20"),
        f"--report={report}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(report.read_text())["results"]["sensitivity"]
    names = [it["layer"] for it in found["layers"]]
    assert len(names) == 15  # 14 ops and the input.
    assert f"sensitivity: {2 + 2 * len(names)} runs of the network on 20 pictures" in done.stdout
    harms = [it["one"]["mean_kl"] for it in found["layers"]]
    assert harms == sorted(harms, reverse=True)
    assert found["num_images"] == 20
    assert all(it["all_but_one"]["num_correct"] <= 20 for it in found["layers"])
    shown = done.stdout[done.stdout.index("layers by the harm") :]
    positions = [shown.index(f" {name} ") for name in names]
    assert positions == sorted(positions)


def test_uint8_edges(road, run_tool, tmp_path):
    folder, _ = road
    path = tmp_path / "uint8.tflite"
    done = run_tool(
        *("convert", f"--run_dir={folder / 'run'}", f"--output={path}", "--inference_io=uint8")
    )
    assert done.returncode == 0, done.stderr
    done = run_tool("verify", f"--model={path}", "--num_inputs=2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_float_model_is_no_integer_model(road, run_tool):
    folder, _ = road
    done = run_tool("certify", f"--model={folder / 'model_float.tflite'}")
    assert done.returncode == 1
    assert "conv1" in done.stdout


def test_model_of_another_run_is_refused(road, run_tool, tmp_path):
    folder, _ = road
    other = tmp_path / "other.tflite"
    image = Operand((1, 16, 16, 1), 1 / 128, 0)
    other.write_bytes(model("RELU", [image], image))
    done = run_tool("verify", f"--model={other}", f"--run_dir={folder / 'run'}", "--num_inputs=2")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "no op of the flatbuffer is named after a layer of the run" in done.stderr


def test_second_run_in_the_same_place_is_refused(road, run_tool):
    folder, _ = road
    done = run_tool("run_pipeline", f"--output_dir={folder}")
    assert done.returncode == 2
    assert "--resume" in done.stderr


def test_unfinished_run_cannot_be_converted(run_tool, tmp_path):
    done = run_tool("convert", f"--run_dir={tmp_path}", f"--output={tmp_path / 'm.tflite'}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "m.tflite").exists()
