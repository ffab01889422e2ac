import 'reflect-metadata';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { OpenAPIObject } from '@nestjs/swagger';
import { listen, setUpBorder } from './api/border.js';
import { CatalogueController } from './api/catalogue.controller.js';
import { EventsGateway } from './api/events.gateway.js';
import { ExtensionController } from './api/extension.controller.js';
import { ExtensionService } from './api/extension.service.js';
import { JobController } from './api/job.controller.js';
import { Log } from './api/log.js';
import { describeApi } from './api/openapi.js';
import { openInBrowser } from './api/open-in-browser.js';
import { PictureController } from './api/picture.controller.js';
import { PictureFiles } from './api/picture-files.js';
import { cmdFlags } from './api/sdapi/options.js';
import { CMD_FLAGS, SdapiController } from './api/sdapi/sdapi.controller.js';
import { SdapiService } from './api/sdapi/sdapi.service.js';
import { SettingsController } from './api/settings.controller.js';
import { SettingsService } from './api/settings.service.js';
import { argumentsFor, parseCommandLine, type Options } from './command-line.js';
import { CatalogueShelf } from './jobs/catalogue-shelf.js';
import { EngineProcess } from './jobs/engine-process.js';
import { JobDispatcher } from './jobs/job-dispatcher.js';
import { JobLedger } from './jobs/job-ledger.js';
import { JobService } from './jobs/job.service.js';
import { modelFoldersOf } from './library/extra-model-paths.js';
import { SettingsStore } from './settings/settings-store.js';

/** The server: who needs whom. */
@Module({})
export class AppModule {
  static with(options: Options): DynamicModule {
    const inData = (name: string): string => path.join(options.dataDir, name);
    return {
      module: AppModule,
      controllers: [JobController, PictureController, CatalogueController, SettingsController, ExtensionController, SdapiController],
      providers: [
        { provide: SettingsStore, useFactory: () => new SettingsStore(inData('settings.json')) },
        { provide: JobLedger, useFactory: () => new JobLedger(inData('jobs.db')) },
        { provide: CatalogueShelf, useFactory: () => new CatalogueShelf(inData('catalogue.json')) },
        { provide: PictureFiles, useFactory: () => new PictureFiles(options.outputsDir) },
        {
          provide: EngineProcess,
          useFactory: (settings: SettingsStore) =>
            new EngineProcess({
              script: fileURLToPath(new URL('main.js', import.meta.url)),
              args: argumentsFor('engine', options),
              settings: () => settings.current,
              runningTapFile: inData('running-tap.json'),
            }),
          inject: [SettingsStore],
        },
        JobDispatcher,
        JobService,
        SettingsService,
        ExtensionService,
        SdapiService,
        { provide: CMD_FLAGS, useValue: cmdFlags(options) },
        EventsGateway,
      ],
    };
  }
}

/** A server that runs. */
interface RunningServer {
  port: number;
  /** Ends engine and device in good order. The job they were at runs again at the next start. */
  stop(reason: string): Promise<void>;
}

/** Listens first, so that the page opens at once; then opens the ledger and starts the engine. Requests wait for what they need. */
async function startServer(options: Options): Promise<RunningServer> {
  await modelFoldersOf(options); // what is wrong in an extra_model_paths.yaml is said here, not by an engine that cannot start
  const app = await createApp(options);
  setUpBorder(app, options);
  const port = await listen(app, options);
  const ledger = app.get(JobLedger);
  const dispatcher = app.get(JobDispatcher);
  const stop = async (reason: string): Promise<void> => {
    await dispatcher.stop(reason);
    await app.close();
    await app.get(CatalogueShelf).settled();
    await ledger.close();
  };
  dispatcher.start();
  await ledger.sequence(); // opened; a ledger that cannot be ends the server: nothing could be kept
  return { port, stop };
}

/** The description of the API, without a server that runs. For `npm run openapi`. */
export async function describeOwnApi(): Promise<OpenAPIObject> {
  const { options } = parseCommandLine(['serve', `--data-dir=${path.join(tmpdir(), 'atelier-no-data')}`]);
  return await describeApi(await createApp(options));
}

/** What `main.js serve` runs: the server until a signal ends it. */
export async function serve(options: Options): Promise<void> {
  const server = await startServer(options);
  const addresses = addressesOf(options, server.port);
  process.stdout.write(addresses.map((address) => `Atelier is at ${address}\n`).join(''));
  if (options.openBrowser) openInBrowser(addresses[0]);
  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    if (isEnding) process.exit(1); // asked twice: now
    isEnding = true;
    void server.stop(`The server got ${signal}.`).then(() => process.exit(0));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

async function createApp(options: Options): Promise<NestExpressApplication> {
  return await NestFactory.create<NestExpressApplication>(AppModule.with(options), {
    logger: new Log(),
    bodyParser: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
}

/** Where people find the server; the first is for this machine. */
function addressesOf({ host }: Options, port: number): string[] {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const outer = Object.values(networkInterfaces()).flatMap((cards = []) =>
    cards.filter(({ family, internal }) => family === 'IPv4' && !internal),
  );
  const hosts = isEverywhere ? ['127.0.0.1', ...outer.map(({ address }) => address)] : [host];
  return hosts.map((name) => `http://${name.includes(':') ? `[${name}]` : name}:${port}`);
}
