"""A program for the fake phone that imitates the output of TFLite's benchmark_model.

It computes nothing. A "model" for it is a shell script that says how the process is to go, so that
each test writes down beside its models what it expects of them.
"""

import dataclasses
import pathlib

_PROGRAM = r"""#!/system/bin/sh
# benchmark_model of TFLite, as far as its output goes.
# benchmark_tool: tflite
delegate=TfLiteXNNPackDelegate
for flag in "$@"; do
  value=${flag#*=}
  case $flag in
    --graph=*) graph=$value ;;
    --num_threads=*) threads=$value ;;
    --use_xnnpack=false) delegate= use_xnnpack=0 ;;
    --use_xnnpack=true) use_xnnpack=1 ;;
    --use_gpu=true) delegate=TfLiteGpuDelegateV2 use_gpu=1 ;;
  esac
done
. "$graph"
sleep "$seconds"
echo "INFO: STARTING!"
echo "INFO: Graph: [$graph]"
echo "INFO: Num threads: [$threads]"
[ -z "$use_xnnpack" ] || echo "INFO: Use xnnpack: [$use_xnnpack]"
[ -z "$use_gpu" ] || echo "INFO: Use gpu: [$use_gpu]"
echo "INFO: Loaded model $graph"
if [ -n "$delegate" ]; then
  echo "VERBOSE: Replacing $nodes_taken out of $nodes_total node(s) with delegate ($delegate)" \
    "node, yielding $partitions partitions for subgraph 0." >&2
fi
echo "INFO: Initialized session in 11.5ms."
if [ "$fails" = 1 ]; then
  echo "ERROR: Failed to allocate tensors!" >&2
  echo "ERROR: Benchmarking failed." >&2
  exit 1
fi
us=$((latency_us / threads))
stats="first=$us curr=$us min=$((us - 9)) max=$((us + 90)) avg=$us std=7"
stats="$stats p5=$((us - 5)) median=$us p95=$((us + 50))"
echo "INFO: count=9 $stats"
echo
echo "INFO: count=50 $stats"
echo
echo "INFO: Inference timings in us: Init: 11500, First inference: $((us + 400))," \
  "Warmup (avg): $us, Inference (avg): $us"
echo "INFO: Memory footprint delta from the start of the tool (MB): init=3.5 overall=5.25"
"""


@dataclasses.dataclass(frozen=True)
class Model:
    """How a process with this model goes.

    Attributes:
      latency_us: On one thread; on n it is the n-th part.
      nodes_taken: By the delegate.
      nodes_total: In the graph.
      partitions: That the graph falls into.
      seconds: That the process lasts.
      fails: Whether it ends with an error.
    """

    latency_us: int
    nodes_taken: int = 31
    nodes_total: int = 31
    partitions: int = 1
    seconds: float = 0.0
    fails: bool = False


def write_program(path: pathlib.Path) -> pathlib.Path:
    path.write_text(_PROGRAM)
    path.chmod(0o755)
    return path


def write_model(path: pathlib.Path, model: Model) -> pathlib.Path:
    fields = dataclasses.asdict(model)
    path.write_text("".join(f"{name}={value:g}\n" for name, value in fields.items()))
    return path
