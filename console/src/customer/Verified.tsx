import { Tooltip } from "@mantine/core";
import { IconRosetteDiscountCheckFilled } from "@tabler/icons-react";
import { useWords } from "../i18n";

/** The mark of what is proven; nothing for what is not. */
export function Verified({ verified, hint = "customer.verified_hint" }: { verified: boolean; hint?: "customer.verified_hint" | "customer.verified" }) {
  const { t } = useWords();
  if (!verified) return null;
  return (
    <Tooltip label={t(hint)}>
      <span className="verified" role="img" aria-label={t("customer.verified")} data-testid="verified">
        <IconRosetteDiscountCheckFilled size={16} />
      </span>
    </Tooltip>
  );
}
