import { defineConfig } from "vitest/config";

/** One classic script, `dist/widget.js`, beside the demo page, `dist/index.html`. */
export default defineConfig({
  publicDir: "demo",
  build: {
    target: "es2020",
    lib: { entry: "src/main.ts", formats: ["iife"], name: "SwitchboardWidget", fileName: () => "widget.js" },
  },
  test: { include: ["test/**/*.test.ts"] },
});
