// Runs a .tflite model under LiteRT on the CPU, and prints one line of JSON with every sample.
//
//   runner --library=libLiteRt.so --graph=model.tflite [--num_threads=1] [--kernels=xnnpack]
//       [--num_runs=50] [--min_secs=1] [--max_secs=150] [--warmup_runs=1] [--warmup_min_secs=0.5]
//       [--input_file=PATH]... [--output_filepath=PATH]
//
// The flags that TFLite's benchmark_model has mean what they mean there. --input_file: the raw
// bytes of one input; as many as the model has inputs, in its order; fixed pseudo-random values
// without any. --output_filepath: where the raw bytes of all outputs go, one after the other.
// --kernels: xnnpack, or builtin (TFLite's own). No reference: LiteRT 2.3 has a mode of that name,
// but runs the builtin ones in it.
//
// After the timed runs a profiled twin of the model runs, and proves which kernels ran.
//
// Exit code 0: done; 1: LiteRT or a file failed, with a line on standard error that says which call
// and which file; 2: the command line cannot be served.

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Found in the program file: android_bench/benchmark_binary.py tells by it what the program is.
static const char kTool[] = "intonly_litert_runner";

// What is used of LiteRT's C API, by the ABI of litert/c/*.h at f67457790c9c (2.3). Models without
// signatures have one, so that signature 0 is always there; inputs and outputs are in the order of
// its subgraph.

typedef struct LiteRtEnvironmentT* LiteRtEnvironment;
typedef struct LiteRtModelT* LiteRtModel;
typedef struct LiteRtSignatureT* LiteRtSignature;
typedef struct LiteRtSubgraphT* LiteRtSubgraph;
typedef struct LiteRtTensorT* LiteRtTensor;
typedef struct LiteRtOptionsT* LiteRtOptions;
typedef struct LiteRtOpaqueOptionsT* LiteRtOpaqueOptions;
typedef struct LiteRtCompiledModelT* LiteRtCompiledModel;
typedef struct LiteRtTensorBufferRequirementsT* LiteRtTensorBufferRequirements;
typedef struct LiteRtTensorBufferT* LiteRtTensorBuffer;
typedef struct LiteRtProfilerT* LiteRtProfiler;

typedef struct {
  int element_type;
  unsigned int rank : 7;
  unsigned int has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} LiteRtRankedTensorType;
_Static_assert(sizeof(LiteRtRankedTensorType) == 72, "layout of LiteRtRankedTensorType");

// LiteRtEnvOption with its LiteRtAny.
typedef struct {
  int tag;
  struct {
    int type;
    int64_t integer;  // A union; of integers alone here.
  } value;
} LiteRtEnvOption;
_Static_assert(sizeof(LiteRtEnvOption) == 24, "layout of LiteRtEnvOption");

// ProfiledEventData with its two LiteRtMemoryUsage.
typedef struct {
  const char* tag;
  int type;
  uint64_t start_us;
  uint64_t elapsed_us;
  size_t memory_bytes[6];
  uint64_t metadata[2];
  int source;
} LiteRtProfiledEvent;

enum { kCpuOp = 2, kDelegateKernel = 8 };
enum { kAutoRegisterAccelerators = 24 };
enum { kAnyInteger = 2 };
enum { kHwAcceleratorCpu = 1 };
enum { kLockRead = 0, kLockWrite = 1 };
enum { kFloat32 = 1, kUInt8 = 3, kInt16 = 7, kInt8 = 9 };

// Name, parameters; each returns a status, 0 is success.
#define LITERT_API(X)                                                                              \
  X(LiteRtCreateEnvironment, (int, const LiteRtEnvOption*, LiteRtEnvironment*))                    \
  X(LiteRtCreateModelFromFile, (LiteRtEnvironment, const char*, LiteRtModel*))                     \
  X(LiteRtGetModelSignature, (LiteRtModel, size_t, LiteRtSignature*))                              \
  X(LiteRtGetSignatureSubgraph, (LiteRtSignature, LiteRtSubgraph*))                                \
  X(LiteRtGetNumSubgraphInputs, (LiteRtSubgraph, size_t*))                                         \
  X(LiteRtGetNumSubgraphOutputs, (LiteRtSubgraph, size_t*))                                        \
  X(LiteRtGetNumSubgraphOps, (LiteRtSubgraph, size_t*))                                            \
  X(LiteRtGetSubgraphInput, (LiteRtSubgraph, size_t, LiteRtTensor*))                               \
  X(LiteRtGetSubgraphOutput, (LiteRtSubgraph, size_t, LiteRtTensor*))                              \
  X(LiteRtGetTensorName, (LiteRtTensor, const char**))                                             \
  X(LiteRtGetRankedTensorType, (LiteRtTensor, LiteRtRankedTensorType*))                            \
  X(LiteRtCreateOptions, (LiteRtOptions*))                                                         \
  X(LiteRtSetOptionsHardwareAccelerators, (LiteRtOptions, int))                                    \
  X(LiteRtCreateOpaqueOptions, (const char*, void*, void (*)(void*), LiteRtOpaqueOptions*))        \
  X(LiteRtAddOpaqueOptions, (LiteRtOptions, LiteRtOpaqueOptions))                                  \
  X(LiteRtCreateCompiledModel,                                                                     \
    (LiteRtEnvironment, LiteRtModel, LiteRtOptions, LiteRtCompiledModel*))                         \
  X(LiteRtGetCompiledModelInputBufferRequirements,                                                 \
    (LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*))                        \
  X(LiteRtGetCompiledModelOutputBufferRequirements,                                                \
    (LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*))                        \
  X(LiteRtCreateManagedTensorBufferFromRequirements,                                               \
    (LiteRtEnvironment, const LiteRtRankedTensorType*, LiteRtTensorBufferRequirements,             \
     LiteRtTensorBuffer*))                                                                         \
  X(LiteRtGetTensorBufferPackedSize, (LiteRtTensorBuffer, size_t*))                                \
  X(LiteRtLockTensorBuffer, (LiteRtTensorBuffer, void**, int))                                     \
  X(LiteRtUnlockTensorBuffer, (LiteRtTensorBuffer))                                                \
  X(LiteRtRunCompiledModel,                                                                        \
    (LiteRtCompiledModel, size_t, size_t, LiteRtTensorBuffer*, size_t, LiteRtTensorBuffer*))       \
  X(LiteRtCompiledModelGetProfiler, (LiteRtCompiledModel, LiteRtProfiler*))                        \
  X(LiteRtStartProfiler, (LiteRtProfiler))                                                         \
  X(LiteRtStopProfiler, (LiteRtProfiler))                                                          \
  X(LiteRtGetNumProfilerEvents, (LiteRtProfiler, int*))                                            \
  X(LiteRtGetProfilerEvents, (LiteRtProfiler, int, LiteRtProfiledEvent*))

#define DECLARE(name, parameters) static int(*name) parameters;
LITERT_API(DECLARE)

enum { kExitFailed = 1, kExitUsage = 2 };

static void fail(int exit_code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("ERROR: runner: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(exit_code);
}

static void check(const char* function, const char* subject, int status) {
  if (status != 0) {
    fail(kExitFailed, "%s of %s: needed status 0, got %d (LiteRtStatus of litert_common.h)",
         function, subject, status);
  }
}

// CALL(what it is about, function, arguments...): ends the program where the call fails.
#define CALL(subject, function, ...) check(#function, subject, function(__VA_ARGS__))

static void* allocate(size_t size_bytes) {
  void* memory = malloc(size_bytes ? size_bytes : 1);
  if (memory == NULL) fail(kExitFailed, "out of memory: needed %zu bytes", size_bytes);
  return memory;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// --- Command line ---

typedef struct {
  const char* library;
  const char* graph;
  const char* kernels;
  const char* output_path;
  const char** input_paths;
  size_t num_input_paths;
  int64_t num_threads;
  int64_t num_runs;
  int64_t warmup_runs;
  double min_secs;
  double max_secs;
  double warmup_min_secs;
} Settings;

static int64_t integer(const char* flag, const char* value, int64_t least) {
  char* end;
  errno = 0;
  const long long number = strtoll(value, &end, 10);
  if (end == value || *end != '\0' || errno != 0 || number < least || number > INT32_MAX) {
    fail(kExitUsage, "--%s: needed an integer of %" PRId64 " or more, got '%s'", flag, least,
         value);
  }
  return number;
}

static double seconds(const char* flag, const char* value) {
  char* end;
  const double number = strtod(value, &end);
  if (end == value || *end != '\0' || !(number >= 0 && number <= 1e6)) {
    fail(kExitUsage, "--%s: needed seconds from 0 to 1e6, got '%s'", flag, value);
  }
  return number;
}

// The value in --flag=value, NULL where `argument` is another flag.
static const char* value_of(const char* argument, const char* flag) {
  const size_t length = strlen(flag);
  if (strncmp(argument, "--", 2) != 0 || strncmp(argument + 2, flag, length) != 0) return NULL;
  return argument[2 + length] == '=' ? argument + 2 + length + 1 : NULL;
}

static void read_flag(Settings* settings, const char* argument) {
  const char* value;
  if ((value = value_of(argument, "library"))) {
    settings->library = value;
  } else if ((value = value_of(argument, "graph"))) {
    settings->graph = value;
  } else if ((value = value_of(argument, "kernels"))) {
    settings->kernels = value;
  } else if ((value = value_of(argument, "output_filepath"))) {
    settings->output_path = value;
  } else if ((value = value_of(argument, "input_file"))) {
    settings->input_paths[settings->num_input_paths++] = value;
  } else if ((value = value_of(argument, "num_threads"))) {
    settings->num_threads = integer("num_threads", value, 1);
  } else if ((value = value_of(argument, "num_runs"))) {
    settings->num_runs = integer("num_runs", value, 1);
  } else if ((value = value_of(argument, "warmup_runs"))) {
    settings->warmup_runs = integer("warmup_runs", value, 0);
  } else if ((value = value_of(argument, "min_secs"))) {
    settings->min_secs = seconds("min_secs", value);
  } else if ((value = value_of(argument, "max_secs"))) {
    settings->max_secs = seconds("max_secs", value);
  } else if ((value = value_of(argument, "warmup_min_secs"))) {
    settings->warmup_min_secs = seconds("warmup_min_secs", value);
  } else {
    fail(kExitUsage, "'%s': no such flag, or no =value", argument);
  }
}

static Settings read_flags(int argc, char** argv) {
  Settings settings = {
      .kernels = "xnnpack",
      .num_threads = 1,
      .num_runs = 50,
      .warmup_runs = 1,
      .min_secs = 1.0,
      .max_secs = 150.0,
      .warmup_min_secs = 0.5,
  };
  settings.input_paths = allocate(sizeof(char*) * (size_t)argc);
  for (int i = 1; i < argc; ++i) read_flag(&settings, argv[i]);
  if (settings.library == NULL) fail(kExitUsage, "needed --library=PATH of libLiteRt.so, got none");
  if (settings.graph == NULL) fail(kExitUsage, "needed --graph=PATH of a .tflite model, got none");
  return settings;
}

// --- The model ---

typedef struct {
  const char* name;
  int element_type;
  size_t size_bytes;
  LiteRtTensorBuffer buffer;
} Port;

typedef struct {
  LiteRtCompiledModel compiled;
  size_t num_ops;
  size_t num_inputs;
  size_t num_outputs;
  Port* inputs;
  Port* outputs;
  LiteRtTensorBuffer* input_buffers;
  LiteRtTensorBuffer* output_buffers;
} Model;

static void load_library(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail(kExitFailed, "dlopen: %s", dlerror());
#define RESOLVE(name, parameters)                                                             \
  *(void**)&name = dlsym(library, #name);                                                     \
  if (name == NULL) fail(kExitFailed, "%s: needed LiteRT 2.3 with " #name ", got none", path);
  LITERT_API(RESOLVE)
}

// Options go to the library as the TOML that litert/c/options/*.cc make of them; the functions that
// would make it are not in the library.
static void add_options(LiteRtOptions options, const char* identifier, const char* toml) {
  LiteRtOpaqueOptions opaque;
  char* payload = allocate(strlen(toml) + 1);
  strcpy(payload, toml);
  CALL(identifier, LiteRtCreateOpaqueOptions, identifier, payload, free, &opaque);
  CALL(identifier, LiteRtAddOpaqueOptions, options, opaque);
}

static LiteRtOptions cpu_options(const Settings* settings, bool is_profiled) {
  const bool is_builtin = strcmp(settings->kernels, "builtin") == 0;
  if (!is_builtin && strcmp(settings->kernels, "xnnpack") != 0) {
    fail(kExitUsage, "--kernels: needed xnnpack or builtin, got '%s'", settings->kernels);
  }
  char toml[80];
  snprintf(toml, sizeof toml, "kernel_mode = \"%s\"\nnum_threads = %" PRId64 "\n",
           is_builtin ? "builtin" : "delegate", settings->num_threads);
  LiteRtOptions options;
  CALL("the CPU", LiteRtCreateOptions, &options);
  CALL("the CPU", LiteRtSetOptionsHardwareAccelerators, options, kHwAcceleratorCpu);
  add_options(options, "xnnpack", toml);
  if (is_profiled) add_options(options, "runtime_options_string", "enable_profiling = true\n");
  return options;
}

static Port make_port(LiteRtEnvironment environment, LiteRtTensor tensor,
                      LiteRtTensorBufferRequirements requirements, const char* graph) {
  Port port;
  LiteRtRankedTensorType type;
  CALL(graph, LiteRtGetTensorName, tensor, &port.name);
  CALL(port.name, LiteRtGetRankedTensorType, tensor, &type);
  CALL(port.name, LiteRtCreateManagedTensorBufferFromRequirements, environment, &type,
       requirements, &port.buffer);
  CALL(port.name, LiteRtGetTensorBufferPackedSize, port.buffer, &port.size_bytes);
  port.element_type = type.element_type;
  return port;
}

static Model make_ports(LiteRtEnvironment environment, LiteRtModel loaded,
                        LiteRtCompiledModel compiled, const char* graph) {
  LiteRtSignature signature;
  LiteRtSubgraph subgraph;
  Model model = {.compiled = compiled};
  CALL(graph, LiteRtGetModelSignature, loaded, 0, &signature);
  CALL(graph, LiteRtGetSignatureSubgraph, signature, &subgraph);
  CALL(graph, LiteRtGetNumSubgraphOps, subgraph, &model.num_ops);
  CALL(graph, LiteRtGetNumSubgraphInputs, subgraph, &model.num_inputs);
  CALL(graph, LiteRtGetNumSubgraphOutputs, subgraph, &model.num_outputs);
  model.inputs = allocate(model.num_inputs * sizeof(Port));
  model.outputs = allocate(model.num_outputs * sizeof(Port));
  model.input_buffers = allocate(model.num_inputs * sizeof(LiteRtTensorBuffer));
  model.output_buffers = allocate(model.num_outputs * sizeof(LiteRtTensorBuffer));
  LiteRtTensor tensor;
  LiteRtTensorBufferRequirements requirements;
  for (size_t i = 0; i < model.num_inputs; ++i) {
    CALL(graph, LiteRtGetSubgraphInput, subgraph, i, &tensor);
    CALL(graph, LiteRtGetCompiledModelInputBufferRequirements, compiled, 0, i, &requirements);
    model.inputs[i] = make_port(environment, tensor, requirements, graph);
    model.input_buffers[i] = model.inputs[i].buffer;
  }
  for (size_t i = 0; i < model.num_outputs; ++i) {
    CALL(graph, LiteRtGetSubgraphOutput, subgraph, i, &tensor);
    CALL(graph, LiteRtGetCompiledModelOutputBufferRequirements, compiled, 0, i, &requirements);
    model.outputs[i] = make_port(environment, tensor, requirements, graph);
    model.output_buffers[i] = model.outputs[i].buffer;
  }
  return model;
}

// --- Inputs and outputs ---

static void read_file(const char* path, const Port* port, void* memory) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) fail(kExitFailed, "%s: %s", path, strerror(errno));
  const size_t got = fread(memory, 1, port->size_bytes, file);
  if (got != port->size_bytes || fgetc(file) != EOF) {
    fail(kExitFailed, "%s: needed %zu bytes for input '%s', got %s", path, port->size_bytes,
         port->name, got < port->size_bytes ? "fewer" : "more");
  }
  fclose(file);
}

// Fixed values: quantized types over all codes, floats from 0 to 1, others (indices, say) 0.
static void fill(const Port* port, void* memory) {
  uint32_t state = 2463534242u;  // Marsaglia's xorshift32.
  uint8_t* bytes = memory;
  memset(memory, 0, port->size_bytes);
  const bool is_code = port->element_type == kInt8 || port->element_type == kUInt8 ||
                       port->element_type == kInt16;
  const size_t step = is_code ? 1 : sizeof(float);
  if (!is_code && port->element_type != kFloat32) return;
  for (size_t i = 0; i + step <= port->size_bytes; i += step) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    const float value = (float)(state >> 8) / 16777216.0f;
    const uint8_t code = (uint8_t)(state >> 24);
    memcpy(bytes + i, is_code ? (const void*)&code : (const void*)&value, step);
  }
}

static void set_inputs(const Model* model, const Settings* settings) {
  if (settings->num_input_paths != 0 && settings->num_input_paths != model->num_inputs) {
    fail(kExitUsage, "%s: needed one --input_file for each of %zu inputs, got %zu",
         settings->graph, model->num_inputs, settings->num_input_paths);
  }
  for (size_t i = 0; i < model->num_inputs; ++i) {
    const Port* port = &model->inputs[i];
    void* memory;
    CALL(port->name, LiteRtLockTensorBuffer, port->buffer, &memory, kLockWrite);
    if (settings->num_input_paths != 0) {
      read_file(settings->input_paths[i], port, memory);
    } else {
      fill(port, memory);
    }
    CALL(port->name, LiteRtUnlockTensorBuffer, port->buffer);
  }
}

static void write_outputs(const Model* model, const char* path) {
  FILE* file = fopen(path, "wb");
  if (file == NULL) fail(kExitFailed, "%s: %s", path, strerror(errno));
  for (size_t i = 0; i < model->num_outputs; ++i) {
    const Port* port = &model->outputs[i];
    void* memory;
    CALL(port->name, LiteRtLockTensorBuffer, port->buffer, &memory, kLockRead);
    if (fwrite(memory, 1, port->size_bytes, file) != port->size_bytes) {
      fail(kExitFailed, "%s: %s", path, strerror(errno));
    }
    CALL(port->name, LiteRtUnlockTensorBuffer, port->buffer);
  }
  if (fclose(file) != 0) fail(kExitFailed, "%s: %s", path, strerror(errno));
}

// --- Timing ---

typedef struct {
  int64_t* samples_ns;
  size_t count;
} Series;

// At least `num_runs` runs and `min_secs`, but none begins after `max_secs`.
static Series time_runs(const Model* model, const char* graph, int64_t num_runs, double min_secs,
                        double max_secs) {
  Series series = {NULL, 0};
  size_t capacity = 0;
  const int64_t begin_ns = now_ns();
  for (;;) {
    const double elapsed_s = (double)(now_ns() - begin_ns) * 1e-9;
    const bool is_enough = (int64_t)series.count >= num_runs && elapsed_s >= min_secs;
    if (is_enough || (series.count > 0 && elapsed_s >= max_secs)) return series;
    if (series.count == capacity) {
      capacity = capacity ? 2 * capacity : 1024;
      series.samples_ns = realloc(series.samples_ns, capacity * sizeof(int64_t));
      if (series.samples_ns == NULL) fail(kExitFailed, "out of memory for samples");
    }
    const int64_t start_ns = now_ns();
    const int status =
        LiteRtRunCompiledModel(model->compiled, 0, model->num_inputs, model->input_buffers,
                               model->num_outputs, model->output_buffers);
    series.samples_ns[series.count++] = now_ns() - start_ns;
    check("LiteRtRunCompiledModel", graph, status);
  }
}

// --- The proof of what ran the nodes ---

typedef struct {
  const char** names;
  size_t count;
} Names;

// What one run of a profiled twin executes, in order: of a delegate its kernels, else the graph's
// ops. Partitions are both kinds' pieces of that order.
typedef struct {
  Names delegate_kernels;
  Names cpu_ops;
  int num_partitions;
} Executed;

static Executed execute_profiled(const Model* model, const char* graph,
                                 LiteRtCompiledModel profiled) {
  LiteRtProfiler profiler;
  int num_events;
  // What is done in the first run only, such as CALL_ONCE, is no part of the graph.
  CALL(graph, LiteRtRunCompiledModel, profiled, 0, model->num_inputs, model->input_buffers,
       model->num_outputs, model->output_buffers);
  CALL(graph, LiteRtCompiledModelGetProfiler, profiled, &profiler);
  CALL(graph, LiteRtStartProfiler, profiler);
  CALL(graph, LiteRtRunCompiledModel, profiled, 0, model->num_inputs, model->input_buffers,
       model->num_outputs, model->output_buffers);
  CALL(graph, LiteRtStopProfiler, profiler);
  CALL(graph, LiteRtGetNumProfilerEvents, profiler, &num_events);
  LiteRtProfiledEvent* events = allocate(sizeof(LiteRtProfiledEvent) * (size_t)num_events);
  CALL(graph, LiteRtGetProfilerEvents, profiler, num_events, events);
  const size_t names_bytes = sizeof(char*) * (size_t)num_events;
  Executed executed = {{allocate(names_bytes), 0}, {allocate(names_bytes), 0}, 0};
  int previous = 0;
  for (int i = 0; i < num_events; ++i) {
    const int type = events[i].type;
    if (type != kDelegateKernel && type != kCpuOp) continue;
    Names* names = type == kCpuOp ? &executed.cpu_ops : &executed.delegate_kernels;
    names->names[names->count++] = events[i].tag;
    executed.num_partitions += type != previous;
    previous = type;
  }
  free(events);
  return executed;
}

// --- The report ---

// Threads of this process: shows that the runtime took the number that it was asked for.
static int num_tasks(void) {
  DIR* folder = opendir("/proc/self/task");
  if (folder == NULL) fail(kExitFailed, "/proc/self/task: %s", strerror(errno));
  int count = 0;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static void print_text(const char* text) {
  putchar('"');
  for (; *text != '\0'; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < 0x20) {
      printf("\\u%04x", c);
    } else {
      putchar(c);
    }
  }
  putchar('"');
}

static void print_ports(const char* key, const Port* ports, size_t count) {
  printf(", \"%s\": [", key);
  for (size_t i = 0; i < count; ++i) {
    printf("%s{\"name\": ", i ? ", " : "");
    print_text(ports[i].name);
    printf(", \"size_bytes\": %zu}", ports[i].size_bytes);
  }
  putchar(']');
}

static void print_names(const char* key, const Names* names) {
  printf(", \"%s\": [", key);
  for (size_t i = 0; i < names->count; ++i) {
    if (i) fputs(", ", stdout);
    print_text(names->names[i]);
  }
  putchar(']');
}

static void print_series(const char* key, const Series* series) {
  printf(", \"%s\": [", key);
  for (size_t i = 0; i < series->count; ++i) {
    printf("%s%" PRId64, i ? ", " : "", series->samples_ns[i]);
  }
  putchar(']');
}

typedef struct {
  int64_t load_ns;
  int64_t compile_ns;
  int num_tasks;
  Series warm_up;
  Series runs;
  Executed executed;
} Results;

static void print_report(const Settings* settings, const Model* model, const Results* results) {
  printf("{\"tool\": \"%s\", \"graph\": ", kTool);
  print_text(settings->graph);
  printf(", \"kernels\": \"%s\", \"num_threads\": %" PRId64 ", \"num_tasks\": %d",
         settings->kernels, settings->num_threads, results->num_tasks);
  printf(", \"num_ops\": %zu, \"num_partitions\": %d", model->num_ops,
         results->executed.num_partitions);
  print_names("delegate_kernels", &results->executed.delegate_kernels);
  print_names("cpu_ops", &results->executed.cpu_ops);
  printf(", \"load_ns\": %" PRId64 ", \"compile_ns\": %" PRId64, results->load_ns,
         results->compile_ns);
  print_ports("inputs", model->inputs, model->num_inputs);
  print_ports("outputs", model->outputs, model->num_outputs);
  print_series("warm_up_ns", &results->warm_up);
  print_series("samples_ns", &results->runs);
  puts("}");
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fail(kExitFailed, "standard output: %s", strerror(errno));
  }
}

int main(int argc, char** argv) {
  const Settings settings = read_flags(argc, argv);
  load_library(settings.library);
  const LiteRtOptions options = cpu_options(&settings, false);
  // No search for the libraries of other accelerators.
  const LiteRtEnvOption on_cpu = {kAutoRegisterAccelerators, {kAnyInteger, kHwAcceleratorCpu}};

  const int64_t begin_ns = now_ns();
  LiteRtEnvironment environment;
  LiteRtModel loaded;
  CALL(settings.library, LiteRtCreateEnvironment, 1, &on_cpu, &environment);
  CALL(settings.graph, LiteRtCreateModelFromFile, environment, settings.graph, &loaded);
  const int64_t loaded_ns = now_ns();
  LiteRtCompiledModel compiled;
  CALL(settings.graph, LiteRtCreateCompiledModel, environment, loaded, options, &compiled);
  const Model model = make_ports(environment, loaded, compiled, settings.graph);
  Results results = {.load_ns = loaded_ns - begin_ns, .compile_ns = now_ns() - loaded_ns};

  set_inputs(&model, &settings);
  if (settings.warmup_runs > 0 || settings.warmup_min_secs > 0) {
    results.warm_up = time_runs(&model, settings.graph, settings.warmup_runs,
                                settings.warmup_min_secs, settings.max_secs);
  }
  results.runs = time_runs(&model, settings.graph, settings.num_runs, settings.min_secs,
                           settings.max_secs);
  results.num_tasks = num_tasks();
  if (settings.output_path != NULL) write_outputs(&model, settings.output_path);

  LiteRtCompiledModel profiled;
  CALL(settings.graph, LiteRtCreateCompiledModel, environment, loaded, cpu_options(&settings, true),
       &profiled);
  results.executed = execute_profiled(&model, settings.graph, profiled);
  print_report(&settings, &model, &results);
  return 0;  // The process ends: what it holds goes with it.
}
