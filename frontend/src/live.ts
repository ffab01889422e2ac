import { connectSocket } from './api/socket.js';
import { useExtensionPagesStore } from './extensions/extension-pages-store.js';
import { usePicturesStore } from './features/gallery/pictures-store.js';
import { useJobsStore } from './features/queue/jobs-store.js';
import { useCatalogueStore } from './shell/catalogue-store.js';
import { useSettingsStore } from './shell/settings-store.js';
import { useStatusStore } from './shell/status-store.js';

/** Ties the stores to the server: everything is loaded whenever the connection stands, and the socket tells the rest. */
export function goLive(): void {
  const catalogue = useCatalogueStore();
  const extensionPages = useExtensionPagesStore();
  const jobs = useJobsStore();
  const pictures = usePicturesStore();
  const settings = useSettingsStore();
  const status = useStatusStore();

  const socket = connectSocket({
    async connected() {
      status.isConnected = true;
      await Promise.all([jobs.catchUp(socket.askJobsSince), catalogue.load(), settings.load(), status.load(), pictures.load()]);
    },
    disconnected: () => (status.isConnected = false),
    'job:changed'(job) {
      jobs.receive(job);
      pictures.receive(job);
    },
    'job:preview': jobs.receivePreview,
    'catalogue:changed': catalogue.receive,
    'status:changed': status.receive,
    'settings:changed': settings.receive,
    'extension:changed': ({ id, url }) => extensionPages.swap(id, url),
  });
}
