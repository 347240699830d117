/** The steps back over a format of the database, on the host itself; below a root see test/integration/install. */
import { expect, test } from "vitest";
import { agentProduct } from "../../../../agent/install/product.ts";
import { hubProduct } from "../../../../hub/install/product.ts";
import { layoutOf } from "../../../../shared/install/layout.ts";
import { stepsBack } from "../../../../shared/install/way-back.ts";

test.each([
  [hubProduct, "petrel restore BACKUP --data /var/lib/petrel --force"],
  [agentProduct, "store and secrets.key of that version"],
])("of %j", (product, restore) => {
  const { unit, program } = product;
  expect(stepsBack({ product, layout: layoutOf(product) }, "/tmp/old one").split("; ")).toEqual([
    `1. systemctl stop ${unit}`,
    expect.stringContaining(restore),
    `3. \`${program} upgrade '/tmp/old one' --allow-downgrade --allow-format-change\``,
    `4. systemctl start ${unit}`,
  ]);
});
