"""The instrumented tests of a bundle, in Kotlin and in Java, for apps with TFLite's Interpreter.

Both do the same: check that the model in the assets is the bundle's, run every golden vector with
XNNPACK on one thread, and fail on the first byte that differs, saying which. They are skipped on
processors that the expected bytes are not for.
"""

import dataclasses
from collections.abc import Sequence

_PACKAGE = "intonly.bundle"
_ENGINE = "xnnpack_arm64"
_ABI = "arm64-v8a"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much there is of the golden vectors.

    Attributes:
      num_vectors: How many.
      input_bytes: Of one vector, for each input.
      output_bytes: Likewise, for each output.
    """

    num_vectors: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]


def tests(model_sha256: str, sizes: Sizes) -> dict[str, bytes]:
    """Returns the source of both tests by their names in the bundle."""
    values = {
        "PACKAGE": _PACKAGE,
        "ENGINE": _ENGINE,
        "ABI": _ABI,
        "SHA256": model_sha256,
        "NUM_VECTORS": str(sizes.num_vectors),
        "INPUT_BYTES": _list(sizes.input_bytes),
        "OUTPUT_BYTES": _list(sizes.output_bytes),
    }
    return {
        "android/GoldenVectorsTest.kt": _filled(_KOTLIN, values),
        "android/GoldenVectorsJavaTest.java": _filled(_JAVA, values),
    }


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _filled(template: str, values: dict[str, str]) -> bytes:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template.lstrip().encode()


_KOTLIN = """
package @PACKAGE@

import android.os.Build
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import org.junit.Assert.assertEquals
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.tensorflow.lite.Interpreter

/** Runs the bundle's golden vectors on this phone; fails on the first byte that differs. */
@RunWith(AndroidJUnit4::class)
class GoldenVectorsTest {
  private val numVectors = @NUM_VECTORS@
  private val inputBytes = intArrayOf(@INPUT_BYTES@)
  private val outputBytes = intArrayOf(@OUTPUT_BYTES@)

  @Test
  fun modelIsTheBundles() {
    val digest = MessageDigest.getInstance("SHA-256").digest(asset("model.tflite"))
    assertEquals("@SHA256@", digest.joinToString("") { "%02x".format(it) })
  }

  @Test
  fun everyByteIsAsPromised() {
    assumeTrue("the expected bytes are for @ABI@", "@ABI@" in Build.SUPPORTED_ABIS)
    val inputs = inputBytes.indices.map { asset("golden/input_$it.bin") }
    val expected = outputBytes.indices.map { asset("golden/@ENGINE@/output_$it.bin") }
    val options = Interpreter.Options().setNumThreads(1).setUseXNNPACK(true)
    Interpreter(direct(asset("model.tflite")), options).use { interpreter ->
      for (vector in 0 until numVectors) {
        val given = Array<Any>(inputs.size) { direct(part(inputs[it], vector, inputBytes[it])) }
        val results = outputBytes.map { direct(ByteArray(it)) }
        val outputs = HashMap<Int, Any>()
        results.forEachIndexed { output, result -> outputs[output] = result }
        interpreter.runForMultipleInputsOutputs(given, outputs)
        for (output in results.indices) {
          for (byte in 0 until outputBytes[output]) {
            assertEquals(
              "vector $vector, output $output, byte $byte",
              expected[output][vector * outputBytes[output] + byte],
              results[output].get(byte)
            )
          }
        }
      }
    }
  }

  private fun asset(name: String): ByteArray =
    InstrumentationRegistry.getInstrumentation().context.assets.open(name).use { it.readBytes() }

  private fun part(stack: ByteArray, vector: Int, size: Int): ByteArray =
    stack.copyOfRange(vector * size, (vector + 1) * size)

  private fun direct(bytes: ByteArray): ByteBuffer {
    val buffer = ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder())
    buffer.put(bytes).rewind()
    return buffer
  }
}
"""

_JAVA = """
package @PACKAGE@;

import static org.junit.Assert.assertEquals;
import static org.junit.Assume.assumeTrue;

import android.os.Build;
import androidx.test.ext.junit.runners.AndroidJUnit4;
import androidx.test.platform.app.InstrumentationRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.tensorflow.lite.Interpreter;

/** Runs the bundle's golden vectors on this phone; fails on the first byte that differs. */
@RunWith(AndroidJUnit4.class)
public final class GoldenVectorsJavaTest {
  private static final int NUM_VECTORS = @NUM_VECTORS@;
  private static final int[] INPUT_BYTES = {@INPUT_BYTES@};
  private static final int[] OUTPUT_BYTES = {@OUTPUT_BYTES@};

  @Test
  public void modelIsTheBundles() throws Exception {
    StringBuilder hex = new StringBuilder();
    for (byte value : MessageDigest.getInstance("SHA-256").digest(asset("model.tflite"))) {
      hex.append(String.format("%02x", value));
    }
    assertEquals("@SHA256@", hex.toString());
  }

  @Test
  public void everyByteIsAsPromised() throws Exception {
    assumeTrue(
        "the expected bytes are for @ABI@",
        Arrays.asList(Build.SUPPORTED_ABIS).contains("@ABI@"));
    Interpreter.Options options = new Interpreter.Options().setNumThreads(1).setUseXNNPACK(true);
    try (Interpreter interpreter = new Interpreter(direct(asset("model.tflite")), options)) {
      for (int vector = 0; vector < NUM_VECTORS; vector++) {
        Object[] inputs = new Object[INPUT_BYTES.length];
        for (int input = 0; input < inputs.length; input++) {
          byte[] stack = asset("golden/input_" + input + ".bin");
          int begin = vector * INPUT_BYTES[input];
          inputs[input] = direct(Arrays.copyOfRange(stack, begin, begin + INPUT_BYTES[input]));
        }
        Map<Integer, Object> outputs = new HashMap<>();
        for (int output = 0; output < OUTPUT_BYTES.length; output++) {
          outputs.put(output, direct(new byte[OUTPUT_BYTES[output]]));
        }
        interpreter.runForMultipleInputsOutputs(inputs, outputs);
        for (int output = 0; output < OUTPUT_BYTES.length; output++) {
          compare(vector, output, (ByteBuffer) outputs.get(output));
        }
      }
    }
  }

  private static void compare(int vector, int output, ByteBuffer actual) throws IOException {
    byte[] expected = asset("golden/@ENGINE@/output_" + output + ".bin");
    for (int position = 0; position < OUTPUT_BYTES[output]; position++) {
      assertEquals(
          "vector " + vector + ", output " + output + ", byte " + position,
          expected[vector * OUTPUT_BYTES[output] + position],
          actual.get(position));
    }
  }

  private static byte[] asset(String name) throws IOException {
    try (InputStream stream =
        InstrumentationRegistry.getInstrumentation().getContext().getAssets().open(name)) {
      ByteArrayOutputStream content = new ByteArrayOutputStream();
      byte[] chunk = new byte[1 << 16];
      for (int size = stream.read(chunk); size >= 0; size = stream.read(chunk)) {
        content.write(chunk, 0, size);
      }
      return content.toByteArray();
    }
  }

  private static ByteBuffer direct(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder());
    buffer.put(bytes).rewind();
    return buffer;
  }
}
"""
