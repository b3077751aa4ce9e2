import { defineConfig } from "vite";
import react from "@vitejs/plugin-react";

/** Where `npm run dev` finds a daemon. The built console is served by the daemon itself. */
const daemon = "http://127.0.0.1:8080";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  // Every file under its own hashed name: the daemon tells browsers to keep those for ever.
  build: { outDir: "dist", target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { proxy: { "/api": { target: daemon, ws: true } } },
});
