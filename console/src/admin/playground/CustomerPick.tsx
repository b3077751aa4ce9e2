import { Button, CloseButton, Modal } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { CustomerSearch } from "../../customer/FindCustomer";
import type { FoundCustomer } from "../../customer/FindCustomer";
import { Verified } from "../../customer/Verified";
import { useWords } from "../../i18n";
import { useCustomerName } from "../../left/ConversationList";

/** Whose facts are taken from the record, if anybody's. */
export function CustomerPick({ customer, choose }: { customer: FoundCustomer | undefined; choose: (customer: FoundCustomer | undefined) => void }) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const [open, setOpen] = useState(false);
  return (
    <div className="customer-pick">
      <span className="span-label">{t("playground.customer")}</span>
      {customer ? (
        <span className="file" data-testid="try-customer">
          <bdi className="ellipsis">{nameOf(customer)}</bdi>
          <Verified verified={customer.verified} />
          <CloseButton size="xs" aria-label={t("playground.no_customer")} onClick={() => choose(undefined)} />
        </span>
      ) : (
        <Button size="compact-sm" variant="default" leftSection={<IconSearch size={14} />} onClick={() => setOpen(true)}>
          {t("playground.choose_customer")}
        </Button>
      )}
      <Modal opened={open} onClose={() => setOpen(false)} title={t("customer.find_title")} centered={false} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
        <CustomerSearch
          onFound={(found) => {
            choose(found);
            setOpen(false);
          }}
        />
      </Modal>
    </div>
  );
}
