import "./customer.css";
import { Loader, Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import { useCommand } from "../app/hotkeys";
import { useComplain } from "../app/complain";
import { go } from "../app/router";
import { useWords } from "../i18n";
import { useCustomerName } from "../left/ConversationList";
import { findCustomers } from "../store/actions";
import { Verified } from "./Verified";

type Found = Awaited<ReturnType<typeof findCustomers>>;
export type FoundCustomer = Found[number];

export function FindCustomer() {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  useCommand("find", useCallback(() => setOpen(true), []));
  const show = ({ id }: FoundCustomer) => {
    setOpen(false);
    go({ page: "customer", id });
  };
  return (
    <Modal opened={open} onClose={() => setOpen(false)} title={t("customer.find_title")} centered={false} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <CustomerSearch onFound={show} />
    </Modal>
  );
}

/** A field, and what is found as somebody writes in it. */
export function CustomerSearch({ onFound }: { onFound: (customer: FoundCustomer) => void }) {
  const { t } = useWords();
  const [q, setQ] = useState("");
  const { found, busy } = useFound(q.trim());
  const list = useRef<HTMLDivElement>(null);
  const down = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const items = [...(list.current?.querySelectorAll<HTMLElement>(".found") ?? [])];
    if (event.key === "Enter" && event.target instanceof HTMLInputElement && !event.nativeEvent.isComposing) return items[0]?.click();
    if (step === 0 || items.length === 0) return;
    event.preventDefault();
    items[Math.max(0, Math.min(items.length - 1, items.indexOf(document.activeElement as HTMLElement) + step))]?.focus();
  };
  return (
    <div onKeyDown={down}>
      <TextInput label={t("customer.find_label")} value={q} onChange={(event) => setQ(event.currentTarget.value)} leftSection={<IconSearch size={16} />} rightSection={busy && <Loader size={14} />} data-autofocus data-testid="find-input" />
      <div ref={list} style={{ marginTop: 8, minHeight: 60 }}>
        {found?.map((customer) => (
          <FoundButton key={customer.id} customer={customer} onFound={onFound} />
        ))}
        <p className="muted small" role="status">
          {!q.trim() ? t("customer.find_hint") : found?.length === 0 && !busy ? t("customer.find_none", { q: q.trim() }) : ""}
        </p>
      </div>
    </div>
  );
}

function FoundButton({ customer, onFound }: { customer: FoundCustomer; onFound: (customer: FoundCustomer) => void }) {
  const nameOf = useCustomerName();
  const marks = [...customer.identifiers.map((each) => each.value), ...customer.addresses.map((each) => each.handle)];
  return (
    <button type="button" className="plain found" onClick={() => onFound(customer)} data-testid="found-customer">
      <span style={{ display: "flex", gap: 6, alignItems: "center" }}>
        <bdi className="ellipsis">{nameOf(customer)}</bdi>
        <Verified verified={customer.verified} />
      </span>
      <bdi className="muted small ellipsis">{marks.slice(0, 4).join(" · ")}</bdi>
    </button>
  );
}

function useFound(q: string): { found: Found | undefined; busy: boolean } {
  const complain = useComplain();
  const [settled] = useDebouncedValue(q, 200);
  const [answer, setAnswer] = useState<{ q: string; found: Found }>();
  useEffect(() => {
    if (!settled) return;
    let current = true;
    findCustomers(settled).then((found) => current && setAnswer({ q: settled, found }), complain);
    return () => {
      current = false;
    };
  }, [settled, complain]);
  return { found: q ? answer?.found : undefined, busy: q !== "" && answer?.q !== q };
}
