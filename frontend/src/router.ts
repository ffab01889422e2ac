import { createRouter, createWebHashHistory, type RouteRecordRaw } from 'vue-router';
import Txt2ImgTab from './features/txt2img/Txt2ImgTab.vue';

/** `#/txt2img` follows what is being made; `#/pictures/:id` and `#/jobs/:id` put that one on the same stage. */
const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/txt2img' },
  { path: '/txt2img', name: 'txt2img', component: Txt2ImgTab },
  { path: '/pictures/:id', name: 'picture', component: Txt2ImgTab },
  { path: '/jobs/:id', name: 'job', component: Txt2ImgTab },
  { path: '/png-info', name: 'png-info', component: () => import('./features/png-info/PngInfoTab.vue') },
  { path: '/queue', name: 'queue', component: () => import('./features/queue/QueueTab.vue') },
  { path: '/extensions', name: 'extensions', component: () => import('./features/extensions/ExtensionsTab.vue') },
  ...(import.meta.env.DEV
    ? [{ path: '/controls', name: 'controls', component: () => import('./features/controls/ControlsPage.vue') }]
    : []),
  { path: '/:tab', name: 'extension-tab', component: () => import('./extensions/ExtensionTab.vue'), props: true },
  { path: '/:rest(.*)*', redirect: '/txt2img' },
];

export const router = createRouter({ history: createWebHashHistory(), routes });
