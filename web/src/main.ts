import { VueQueryPlugin } from '@tanstack/vue-query'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from '@/App.vue'
import { carryStyleNonce } from '@/csp'
import { i18n, loadLocale } from '@/i18n'
import { queryClient } from '@/queries'
import { createOurRouter } from '@/router'
import { usePreferences } from '@/stores/preferences'
import '@/ui/base.css'

carryStyleNonce(document)

const app = createApp(App)
app.use(createPinia())
app.use(VueQueryPlugin, { queryClient })
app.use(i18n)
void loadLocale(usePreferences().locale).then(() => {
  app.use(createOurRouter())
  app.mount('#app')
})
