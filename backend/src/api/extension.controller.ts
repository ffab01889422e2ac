import { Body, Controller, Header, Param } from '@nestjs/common';
import { callExtensionRoute, changeExtension, listExtensions, type BodyOf, type ReplyOf } from '@atelier/sdk/contracts';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { Endpoint } from './endpoint.decorator.js';
import { ExtensionService } from './extension.service.js';

@Controller()
export class ExtensionController {
  constructor(
    private readonly extensions: ExtensionService,
    private readonly catalogue: CatalogueShelf,
  ) {}

  @Endpoint(listExtensions)
  async list(): Promise<ReplyOf<typeof listExtensions>> {
    const { extensions } = await this.catalogue.get();
    return { extensions };
  }

  @Endpoint(changeExtension)
  change(
    @Param('id') id: string,
    @Body({ schema: changeExtension.body }) wish: BodyOf<typeof changeExtension>,
  ): Promise<ReplyOf<typeof changeExtension>> {
    return this.extensions.change(id, wish);
  }

  /** Nest would send nothing at all for null, so the text of the reply is made here. */
  @Endpoint(callExtensionRoute)
  @Header('Content-Type', 'application/json')
  async call(
    @Param('id') id: string,
    @Param('route') route: string,
    @Body({ schema: callExtensionRoute.body }) input: unknown,
  ): Promise<string> {
    return JSON.stringify((await this.extensions.call(id, route, input)) ?? null);
  }
}
