/** Source `oci-archive`: an image in a tar file that holds an OCI image layout. */
import { openArchiveLayout } from '../../image/archive/layout.ts';
import { layoutProvider } from '../layout-provider.ts';
import { localImageSource } from '../local-image-source.ts';

const SCHEME = 'oci-archive';

/** An image in a tar file: `oci-archive://FILE[:TAG][@DIGEST]`. */
export const source = localImageSource({
  scheme: SCHEME,
  form: `${SCHEME}://FILE[:TAG][@DIGEST]`,
  example: 'oci-archive://./image.tar:latest',
  summary:
    'image in a tar file of an OCI layout; without tag and digest latest, else the only image there, of the platform',
  archive: true,
  provider: (reference, env, platform) =>
    layoutProvider(reference, platform, {
      scheme: SCHEME,
      what: 'the OCI archive',
      open: (path, job) => openArchiveLayout(path, job, env),
    }),
});
