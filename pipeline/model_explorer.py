"""Figures of a flatbuffer's ops as node data of Model Explorer, which colours its graph by them."""

from collections.abc import Mapping

from pipeline.graph import Subgraph


def node_data(graph: Subgraph, db_by_op: Mapping[int, float | None]) -> dict[str, object]:
    """Returns signal-to-noise ratios of ops as JSON for the viewer, the worst red.

    It finds an op by the name of its output.

    Args:
      graph: The main subgraph.
      db_by_op: Index of an op -> its ratio in dB; None is left out.

    Source: GraphNodeData in google-ai-edge/model-explorer, model_explorer/node_data_builder.py.
    """
    outputs = {op.index: graph.tensors[op.outputs[0]].name for op in graph.operators}
    results = {
        outputs[index]: {"value": round(value, 2)}
        for index, value in db_by_op.items()
        if value is not None
    }
    gradient = [{"stop": 0, "bgColor": "red"}, {"stop": 1, "bgColor": "white"}]
    return {"results": results, "gradient": gradient}
