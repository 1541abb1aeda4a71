package org.junit;

import java.util.Objects;

public final class Assert {
  public static void assertEquals(Object expected, Object actual) {
    assertEquals("", expected, actual);
  }

  public static void assertEquals(String message, Object expected, Object actual) {
    if (!Objects.equals(expected, actual)) {
      throw new AssertionError(message + " expected:<" + expected + "> but was:<" + actual + ">");
    }
  }

  public static void assertEquals(String message, long expected, long actual) {
    assertEquals(message, (Object) expected, (Object) actual);
  }
}
