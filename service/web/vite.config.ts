import { defineConfig } from "vite";

export default defineConfig({
  // Everything in files of its own: the content security policy allows nothing within the page.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2022", reportCompressedSize: false },
  server: { proxy: { "^/(run|results|suites|compare|health|ready|metrics|openapi)": "http://127.0.0.1:8090" } },
});
