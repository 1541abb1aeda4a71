package android.content;

import android.content.res.AssetManager;

public final class Context {
  public AssetManager getAssets() {
    return new AssetManager();
  }
}
