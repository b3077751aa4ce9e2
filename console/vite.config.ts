import { defineConfig } from "vite";
import react from "@vitejs/plugin-react";

/** Where `npm run dev` finds a daemon. The built console is served by the daemon itself. */
const daemon = "http://127.0.0.1:8080";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: { outDir: "dist", target: "es2022", chunkSizeWarningLimit: 700 },
  server: { proxy: { "/api": { target: daemon, ws: true } } },
});
