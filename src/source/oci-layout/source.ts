/** Source `oci-layout`: an image in an OCI image layout directory. */
import { layoutProvider } from '../layout-provider.ts';
import { LAYOUT_FORM } from '../layout-reference.ts';
import { localImageSource } from '../local-image-source.ts';

/** An image in an OCI image layout directory: `oci-layout://DIR[:TAG][@DIGEST]`. */
export const source = localImageSource({
  scheme: 'oci-layout',
  form: LAYOUT_FORM,
  example: 'oci-layout://./base:latest',
  summary:
    'image in an OCI layout directory; without tag and digest latest, else the only image there, of the platform',
  archive: false,
  provider: (reference, _env, platform) => layoutProvider(reference, platform),
});
