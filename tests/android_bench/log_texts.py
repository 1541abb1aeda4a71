"""Logs of our own in the shapes that the benchmark tools print, one per generation."""

# A: 2018-20.
AVERAGE_LINE = """\
STARTING!
Min num runs: [50]
Num threads: [1]
Graph: [/data/local/tmp/net.tflite]
Use nnapi : [0]
Loaded model /data/local/tmp/net.tflite
resolved reporter
INFO: Initialized TensorFlow Lite runtime.
Initialized session in 2.5ms
Running benchmark for at least 1 iterations and at least 0.5 seconds
count=4 first=9100 curr=8000 min=7900 max=9100 avg=8250.5 std=400

Running benchmark for at least 50 iterations and at least 1 seconds
count=50 first=8100 curr=8050 min=7800 max=9900 avg=8123.25 std=210

Average inference timings in us: Warmup: 8250.5, Init: 2500, no stats: 8123.25
============================== Run Order ==============================
             [node type]     [start]     [first]    [avg ms]        [%]     [cdf%]  [mem KB] \
 [times called]  [Name]
                 CONV_2D       0.000       5.250       5.125    64.062%    64.062%     0.000 \
             1   [net/Conv/Relu6]
       DEPTHWISE_CONV_2D       5.130       2.900       2.875    35.938%   100.000%     0.000 \
             1   [net/depthwise 2/Relu6]
"""

# B and C: 2020 and 2021.
PLAIN = """\
STARTING!
Duplicate flags: num_threads
Log parameter values verbosely: [0]
Min num runs: [50]
Num threads: [4]
Min warmup runs: [1]
Graph: [/data/local/tmp/net.tflite]
#threads used for CPU inference: [4]
Use gpu: [1]
Loaded model /data/local/tmp/net.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite delegate for GPU.
INFO: Initialized OpenCL-based API.
Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.
The input model file size (MB): 7.5
Initialized session in 870.5ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding \
150 seconds.
count=1 curr=3512391

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 \
seconds.
count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798

Inference timings in us: Init: 870500, First inference: 3512391, Warmup (avg): 3.51239e+06, \
Inference (avg): 2.95034e+06
"""
PEAK_2020 = "Peak memory footprint (MB): init=0 overall=12.875\n"
DELTA_2021 = """\
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to \
the actual memory footprint of the model at runtime. Take the information at your discretion.
Memory footprint delta from the start of the tool (MB): init=4.25 overall=46.125
Overall peak memory footprint (MB) via periodic monitoring: 51.5
"""

# D and E: 2022 and 2024.
PREFIXED = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Min num runs: [100]
INFO: Num threads: [2]
INFO: Graph: [/data/local/tmp/net.tflite]
INFO: Signature to run: []
INFO: #threads used for CPU inference: [2]
INFO: Use xnnpack: [1]
INFO: Loaded model /data/local/tmp/net.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: XNNPACK delegate created.
VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 \
partitions for subgraph 0 (main).
INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the \
delegate.
INFO: The input model file size (MB): 4.27635
INFO: Initialized session in 19.5ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if \
exceeding 150 seconds.
INFO: count=9 first=8711 curr=5162 min=5162 max=8711 avg=5814.75 std=1147 p5=5162 median=5196 \
p95=8711

INFO: Running benchmark for at least 100 iterations and at least 1 seconds but terminate if \
exceeding 150 seconds.
INFO: count=100 first=5216 curr=4978 min=4908 max=68610 avg=6374.32 std=6071 p5=4962 median=5189 \
p95=6862

INFO: Inference timings in us: Init: 19500, First inference: 8711, Warmup (avg): 5814.75, \
Inference (avg): 6374.32
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only \
APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your \
discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=5.5 overall=7.25
"""
FAILED = """\
INFO: STARTING!
INFO: Graph: [./net.tflite]
INFO: Loaded model ./net.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 2 out of 5 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 3 \
partitions for subgraph 0.
ERROR: tensorflow/lite/kernels/batch_matmul.cc:353 lhs_data->type == rhs_data->type was not true.
ERROR: Node number 3 (BATCH_MATMUL) failed to prepare.
ERROR: Failed to allocate tensors!
ERROR: Benchmarking failed.
"""

# F: LiteRT's tool, of the second half of 2025; the older one prints no count= lines here.
LITERT_RESULTS = """\
INFO: [benchmark_litert_model.h:90]
========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:92] Signature name:       serving_default
INFO: [benchmark_litert_model.h:94] Model initialization: 23.47 ms
INFO: [benchmark_litert_model.h:96] Warmup (first):       7.44 ms
INFO: [benchmark_litert_model.h:98] Warmup (avg):         7.41 ms (68 runs)
INFO: [benchmark_litert_model.h:100] Inference (avg):      7.43 ms (135 runs)
INFO: [benchmark_litert_model.h:104] Inference (min):      7.41 ms
INFO: [benchmark_litert_model.h:106] Inference (max):      7.98 ms
INFO: [benchmark_litert_model.h:108] Inference (std):      0.02
INFO: [benchmark_litert_model.h:115] Throughput:           27.46 MB/s
INFO: [benchmark_litert_model.h:124]
Memory Usage:
INFO: [benchmark_litert_model.h:126] Init footprint:       91.25 MB
INFO: [benchmark_litert_model.h:128] Overall footprint:    93.50 MB
INFO: [benchmark_litert_model.h:135] Peak memory usage not available. (peak_mem_mb <= 0)
INFO: [benchmark_litert_model.h:138] ======================================
"""
LITERT = (
    """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Min num runs: [50]
INFO: Num threads: [4]
INFO: [litert/runtime/accelerators/auto_registration.cc:148] CPU accelerator registered.
VERBOSE: Replacing 66 out of 66 node(s) with delegate (LITERT_CL) node, yielding 1 partitions for \
subgraph 0 (main).
INFO: The input model file size (MB): 3.27774
INFO: Initialized session in 23.468ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if \
exceeding 150 seconds.
INFO: count=68 first=7441 curr=7410 min=7400 max=7441 avg=7411.5 std=10 p5=7402 median=7411 p95=7430

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if \
exceeding 150 seconds.
INFO: count=135 first=7425 curr=7426 min=7411 max=7979 avg=7429.75 std=21 p5=7415 median=7428 \
p95=7440

"""
    + LITERT_RESULTS
)

# The APK's lines through logcat.
LOGCAT = "".join(
    f"06-18 10:20:41.{number:03d}  4669  4669 I tflite  : {line}\n"
    for number, line in enumerate(PLAIN.splitlines())
)

SUMMARY = """\

==============Summary of All Runs w/ Different Performance Options==============
INFO: cpu w/ 4 threads (xnnpack): count=50 first=4319 curr=3862 min=3305 max=4805 avg=3922.5 std=27
INFO:           cpu w/ 2 threads: count=50 first=4576 curr=4329 min=4195 max=4610 avg=4457.5 std=19
INFO:                gpu-default:  failed!
"""

_NEW_HEADER = "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
_TYPE_HEADER = "\t[Node type]\t[count]\t[avg ms]\t[avg %]\t[cdf %]\t[mem KB]\t[times called]\n"
_TITLE = "============================== {} ==============================\n"

# Op tables since about 2.8, separated by tabs, without [start].
OP_TABLES = (
    "INFO: Profiling Info for Benchmark Initialization:\n"
    + _TITLE.format("Run Order")
    + _NEW_HEADER
    + "\t  ModifyGraphWithDelegate\t   12.5\t   12.5\t 92.593%\t 92.593%\t  844.000\t        1\t"
    "ModifyGraphWithDelegate/0\n"
    + "\t          AllocateTensors\t    1.0\t    1.0\t  7.407%\t100.000%\t    0.000\t        1\t"
    "AllocateTensors/0\n\n"
    + "Number of nodes executed: 2\n"
    + _TITLE.format("Summary by node type")
    + _TYPE_HEADER
    + "\t  ModifyGraphWithDelegate\t        1\t    12.500\t    92.593%\t    92.593%\t   844.000\t"
    "        1\n"
    + "\t          AllocateTensors\t        1\t     1.000\t     7.407%\t   100.000%\t     0.000\t"
    "        1\n\n"
    + "Timings (microseconds): count=1 curr=13500\nMemory (bytes): count=0\n2 nodes observed\n\n\n"
    + "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
    + _TITLE.format("Run Order")
    + _NEW_HEADER
    + "\t    TfLiteXNNPackDelegate\t    5.2\t    5.1\t 98.077%\t 98.077%\t    0.000\t        1\t"
    "[net/Softmax;net/Add 2]:31\n"
    + "\t                  SQUEEZE\t    0.1\t    0.1\t  1.923%\t100.000%\t    0.000\t        1\t"
    "[net/Squeeze]:30\n\n"
    + _TITLE.format("Top by Computation Time")
    + _NEW_HEADER
    + "\t    TfLiteXNNPackDelegate\t    5.2\t    5.1\t 98.077%\t 98.077%\t    0.000\t        1\t"
    "[net/Softmax;net/Add 2]:31\n\n"
    + "Number of nodes executed: 2\n"
    + "Timings (microseconds): count=50 first=5300 curr=5200 min=5100 max=5400 avg=5200 std=50\n"
    + "Memory (bytes): count=0\n2 nodes observed\n\n"
    + "Delegate internal: \n"
    + _TITLE.format("Run Order")
    + _NEW_HEADER
    + "\tDelegate/Convolution (NHWC, QC8) IGEMM\t    3.0\t    2.9\t -nan%\t -nan%\t    0.000\t"
    "        1\tDelegate/Convolution (NHWC, QC8) IGEMM:0\n\n"
    + "Timings (microseconds): count=50 first=2900 curr=2900 min=2800 max=3000 avg=2900 std=20\n"
    + "Memory (bytes): count=0\n1 nodes observed\n\n"
)

OP_CSV = """\
Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
Convolution (NHWC, QC8) IGEMM, 3.01, 2.95, 75%, 75%, 0, 1, [net/a\tnet/b]:0
SOFTMAX, 1.01, 0.983333, 25%, 100%, 0, 1, [net/Softmax]:1

Number of nodes executed: 2
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
Convolution (NHWC, QC8) IGEMM, 1, 2.95, 75%, 75%, 0, 1
SOFTMAX, 1, 0.983, 25%, 100%, 0, 1

"""

# {name: text} of logs that are whole.
WHOLE = {
    "A": AVERAGE_LINE,
    "B": PLAIN + PEAK_2020,
    "C": PLAIN + DELTA_2021,
    "D logcat": LOGCAT,
    "E": PREFIXED,
    "E op tables": PREFIXED + OP_TABLES,
    "F": LITERT,
    "F results only": LITERT_RESULTS,
    "multi-run": SUMMARY,
}
