import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Runs the methods of a class that are tests, and prints what came of each. */
public final class Main {
  public static void main(String[] arguments) throws Exception {
    Class<?> tests = Class.forName(arguments[0]);
    for (Method method : tests.getDeclaredMethods()) {
      if (method.isAnnotationPresent(org.junit.Test.class)) {
        try {
          method.invoke(tests.getDeclaredConstructor().newInstance());
          System.out.println(method.getName() + ": passed");
        } catch (InvocationTargetException error) {
          System.out.println(method.getName() + ": " + error.getCause().getMessage());
        }
      }
    }
  }
}
