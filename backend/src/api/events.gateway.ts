import { UseFilters } from '@nestjs/common';
import { ConnectedSocket, MessageBody, type OnGatewayInit, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { ClientEvents, type ServerEvents } from '@atelier/sdk/contracts';
import type { z } from '@atelier/sdk';
import type { Server, Socket } from 'socket.io';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { EngineProcess } from '../jobs/engine-process.js';
import { JobDispatcher } from '../jobs/job-dispatcher.js';
import { JobLedger } from '../jobs/job-ledger.js';
import { SettingsStore } from '../settings/settings-store.js';
import { SocketErrorFilter } from './error.filter.js';

type Emitted = { [Name in keyof ServerEvents]: (payload: ServerEvents[Name]) => void };

/** Tells every open page what changes. */
@WebSocketGateway()
@UseFilters(new SocketErrorFilter())
export class EventsGateway implements OnGatewayInit<Server<never, Emitted>> {
  constructor(
    private readonly ledger: JobLedger,
    private readonly dispatcher: JobDispatcher,
    private readonly engine: EngineProcess,
    private readonly catalogue: CatalogueShelf,
    private readonly settings: SettingsStore,
  ) {}

  afterInit(server: Server<never, Emitted>): void {
    this.ledger.onChange((job) => server.emit('job:changed', job));
    this.dispatcher.onPreview((preview) => server.volatile.emit('job:preview', preview)); // a page that is behind gets the newest only
    this.dispatcher.onExtensionChanged(({ id, url }) => server.emit('extension:changed', { id, url }));
    this.engine.on('status', (status) => server.emit('status:changed', status));
    this.catalogue.onChange((catalogue) => server.emit('catalogue:changed', catalogue));
    this.settings.onChange((settings) => server.emit('settings:changed', settings));
  }

  /** A page that was away gets every job that changed meanwhile; acknowledged with the number of the latest change. */
  @SubscribeMessage('jobs:since')
  async catchUp(
    @MessageBody({ schema: ClientEvents['jobs:since'] }) { sequence }: z.output<(typeof ClientEvents)['jobs:since']>,
    @ConnectedSocket() socket: Socket<never, Emitted>,
  ): Promise<{ sequence: number }> {
    for (const job of await this.ledger.changedSince(sequence)) socket.emit('job:changed', job);
    return { sequence: await this.ledger.sequence() };
  }
}
