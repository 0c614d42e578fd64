import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import type { Plugin } from 'vite'
import { defineConfig } from 'vite'

const SWAGGER_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js']

/** The viewer of the OpenAPI document is served from our own files. */
function swagger(): Plugin {
  return {
    name: 'swagger-files',
    apply: 'build',
    generateBundle() {
      const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
      for (const file of SWAGGER_FILES) {
        this.emitFile({
          type: 'asset',
          fileName: `swagger/${file}`,
          source: readFileSync(join(folder, file)),
        })
      }
    },
  }
}

export default defineConfig({
  plugins: [vue(), swagger()],
  // The server puts a fresh nonce in its place for each load of the page.
  html: { cspNonce: '__CSP_NONCE__' },
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  build: {
    target: ['chrome88', 'edge88', 'firefox78', 'safari14'],
    outDir: '../api/_web',
    emptyOutDir: true,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { '/api': process.env.VMS_SERVER ?? 'http://127.0.0.1:8080' },
  },
})
