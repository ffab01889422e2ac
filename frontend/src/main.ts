import '@fontsource-variable/inter/wght.css';
import '@atelier/sdk/ui/tokens.css';
import './base.css';
import { pageHostKey } from '@atelier/sdk/ui';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { goLive } from './live.js';
import { createPageHost } from './page-host.js';
import { router } from './router.js';

const app = createApp(App).use(createPinia()).use(router);
app.provide(pageHostKey, createPageHost());
app.mount('#app');
goLive();
