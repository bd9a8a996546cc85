/** The images whose configuration a build asks for: each with its platform once, however often it is named. */
import { formatPlatformAll, type Platform } from '../../core/platform.ts';
import { PlaceList } from './place-list.ts';
import type { BuildResolver, ImageRequest, Place, ResolvedImage } from './types.ts';

interface Asked {
  readonly ref: string;
  readonly platform: Platform;
  /** Of a layout. */
  readonly store?: string;
}

type Recorded = ImageRequest & { readonly places: readonly Place[] };

/** Answers that several platforms of one build share. */
export type Answers = Map<string, Promise<ResolvedImage>>;

export class ImageRequests {
  readonly #resolver: BuildResolver;
  readonly #answers: Answers;
  readonly #recorded = new Map<string, { readonly request: ImageRequest; readonly places: PlaceList }>();

  constructor(resolver: BuildResolver, answers: Answers) {
    this.#resolver = resolver;
    this.#answers = answers;
  }

  /** Asks, or shares the answer to the same question. */
  ask(kind: ImageRequest['kind'], asked: Asked, place: Place): Promise<ResolvedImage> {
    const request: ImageRequest = { ...asked, kind, platform: formatPlatformAll(asked.platform) };
    const id = JSON.stringify([kind, request.ref, request.store, request.platform]);
    const recorded = this.#recorded.get(id) ?? { request, places: new PlaceList() };
    this.#recorded.set(id, recorded);
    recorded.places.add([place]);
    const answer = this.#answers.get(id) ?? this.#resolver.image(request);
    this.#answers.set(id, answer);
    return answer;
  }

  /** In the order in which they were first asked for. */
  list(): readonly Recorded[] {
    return [...this.#recorded.values()].map(({ request, places }) => ({ ...request, places: places.list }));
  }
}
