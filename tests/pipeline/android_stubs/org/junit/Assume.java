package org.junit;

public final class Assume {
  public static void assumeTrue(String message, boolean condition) {
    if (!condition) {
      throw new IllegalStateException("skipped: " + message);
    }
  }
}
