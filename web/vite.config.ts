import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

// In development the page talks to a Waybill (or to dev/made-up-server.mjs) at WAYBILL_URL.
const server = process.env.WAYBILL_URL ?? 'http://127.0.0.1:8080';

// FILE.gz beside every FILE of text: the server sends it as it is, and need not compress.
function gzipped(): Plugin {
  return {
    name: 'gzipped',
    apply: 'build',
    writeBundle({ dir }) {
      for (const name of readdirSync(dir!, { recursive: true }) as string[]) {
        const file = join(dir!, name);
        if (/\.(js|css|json|svg|html)$/.test(name)) writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), gzipped()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // Files must stay files: the page is served under `default-src 'self'`.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      output: { manualChunks: { maplibre: ['maplibre-gl'], react: ['react', 'react-dom'] } },
    },
  },
  server: { proxy: { '/v1': { target: server, ws: true }, '/metrics': server, '/healthz': server } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
