import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';
import { sharedModules } from './import-map-plugin.js';

const server = process.env.ATELIER_SERVER ?? 'http://127.0.0.1:7860';
const ofServer = ['/api', '/sdapi', '/extension-files', '/socket.io'];

export default defineConfig({
  root: import.meta.dirname,
  plugins: [vue(), sharedModules()],
  resolve: { conditions: ['development', 'module', 'browser', 'import', 'default'], dedupe: ['vue', 'pinia'] },
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 700, assetsInlineLimit: 0 },
  server: { proxy: Object.fromEntries(ofServer.map((path) => [path, { target: server, ws: path === '/socket.io' }])) },
});
