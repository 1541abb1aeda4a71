package android.os;

public final class Build {
  public static String[] SUPPORTED_ABIS = System.getProperty("abis").split(",");
}
