import { ActionIcon, Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import type { FormEvent } from "react";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { changeCustomer } from "../store/actions";
import type { CustomerChange } from "../store/actions";
import type { KnownCustomer } from "./CustomerPane";

type Row = { name: string; value: string };

/** Only what differs; an attribute that is gone becomes `null`. */
export function difference(customer: KnownCustomer, name: string, language: string, rows: Row[]): CustomerChange {
  const wanted = new Map(rows.filter((row) => row.name.trim()).map((row) => [row.name.trim(), row.value]));
  const attributes: Record<string, string | null> = {};
  for (const [key, value] of wanted) if (customer.attributes[key] !== value) attributes[key] = value;
  for (const key of Object.keys(customer.attributes)) if (!wanted.has(key)) attributes[key] = null;
  return {
    ...(name.trim() !== (customer.name ?? "") ? { name: name.trim() } : {}),
    ...(language.trim() !== (customer.language ?? "") ? { language: language.trim() } : {}),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
  };
}

export function EditCustomer({ customer, onClose }: { customer: KnownCustomer; onClose: () => void }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [name, setName] = useState(customer.name ?? "");
  const [language, setLanguage] = useState(customer.language ?? "");
  const [rows, setRows] = useState<Row[]>(() => Object.entries(customer.attributes).map(([key, value]) => ({ name: key, value })));
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const change = difference(customer, name, language, rows);
    if (Object.keys(change).length === 0) return onClose();
    setBusy(true);
    changeCustomer(customer.id, change).then(onClose, (failure: unknown) => {
      setError(complaint(failure));
      setBusy(false);
    });
  };
  return (
    <Modal opened onClose={onClose} title={t("customer.edit")} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput label={t("customer.name")} value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
          <TextInput label={t("customer.language")} value={language} onChange={(event) => setLanguage(event.currentTarget.value)} />
          <AttributeRows rows={rows} change={setRows} />
          {error && <div role="alert" style={{ color: "var(--sb-danger)" }}>{error}</div>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("app.cancel")}
            </Button>
            <Button type="submit" loading={busy}>
              {t("app.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function AttributeRows({ rows, change }: { rows: Row[]; change: (rows: Row[]) => void }) {
  const { t } = useWords();
  const set = (index: number, part: Partial<Row>) => change(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend style={{ fontSize: 14, fontWeight: 500, marginBottom: 4 }}>{t("customer.attributes")}</legend>
      <Stack gap={6}>
        {rows.map((row, index) => (
          <Group key={index} gap={6} wrap="nowrap">
            <TextInput flex={1} aria-label={t("customer.attribute_name")} placeholder={t("customer.attribute_name")} value={row.name} onChange={(event) => set(index, { name: event.currentTarget.value })} />
            <TextInput flex={2} aria-label={t("customer.attribute_value")} placeholder={t("customer.attribute_value")} value={row.value} onChange={(event) => set(index, { value: event.currentTarget.value })} />
            <ActionIcon variant="subtle" color="gray" aria-label={t("customer.remove_attribute", { name: row.name })} onClick={() => change(rows.toSpliced(index, 1))}>
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} />} style={{ alignSelf: "flex-start" }} onClick={() => change([...rows, { name: "", value: "" }])}>
          {t("customer.add_attribute")}
        </Button>
      </Stack>
    </fieldset>
  );
}
