import "./customer.css";
import { Loader, Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import { useCommand } from "../app/hotkeys";
import { useComplain } from "../app/complain";
import type { Conversation } from "../api/types";
import { go, openConversation } from "../app/router";
import { useWords } from "../i18n";
import { useCustomerName } from "../left/ConversationList";
import { findCustomers, findTicket } from "../store/actions";
import { Verified } from "./Verified";

type Found = Awaited<ReturnType<typeof findCustomers>>;
export type FoundCustomer = Found[number];

/** Customers, for those who may look for all of them, and tickets. */
export function FindDialog({ customers }: { customers: boolean }) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  useCommand("find", useCallback(() => setOpen(true), []));
  const close = () => setOpen(false);
  return (
    <Modal opened={open} onClose={close} title={t("customer.find_title")} centered={false} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <Search
        label={t(customers ? "find.label" : "find.ticket_label")}
        hint={t(customers ? "find.hint" : "find.ticket_hint")}
        find={customers ? findAll : findTickets}
        onFound={({ id }) => {
          close();
          go({ page: "customer", id });
        }}
        onTicket={({ id }) => {
          close();
          openConversation(id);
        }}
      />
    </Modal>
  );
}

/** A field, and the customers who are found as somebody writes in it. */
export function CustomerSearch({ onFound }: { onFound: (customer: FoundCustomer) => void }) {
  const { t } = useWords();
  return <Search label={t("customer.find_label")} hint={t("customer.find_hint")} find={findOnlyCustomers} onFound={onFound} />;
}

interface Results {
  customers: Found;
  ticket?: Conversation | undefined;
}

const findOnlyCustomers = async (q: string): Promise<Results> => ({ customers: await findCustomers(q) });
const findTickets = async (q: string): Promise<Results> => ({ customers: [], ticket: await findTicket(q) });
const findAll = async (q: string): Promise<Results> => {
  const [customers, ticket] = await Promise.all([findCustomers(q), findTicket(q)]);
  return { customers, ticket };
};

interface Searching {
  label: string;
  hint: string;
  find: (q: string) => Promise<Results>;
  onFound: (customer: FoundCustomer) => void;
  onTicket?: (conversation: Conversation) => void;
}

function Search({ label, hint, find, onFound, onTicket }: Searching) {
  const { t } = useWords();
  const [q, setQ] = useState("");
  const { found, busy } = useFound(q.trim(), find);
  const list = useRef<HTMLDivElement>(null);
  const down = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const items = [...(list.current?.querySelectorAll<HTMLElement>(".found") ?? [])];
    if (event.key === "Enter" && event.target instanceof HTMLInputElement && !event.nativeEvent.isComposing) return items[0]?.click();
    if (step === 0 || items.length === 0) return;
    event.preventDefault();
    items[Math.max(0, Math.min(items.length - 1, items.indexOf(document.activeElement as HTMLElement) + step))]?.focus();
  };
  const nothing = found && found.customers.length === 0 && !found.ticket && !busy;
  return (
    <div onKeyDown={down}>
      <TextInput label={label} value={q} onChange={(event) => setQ(event.currentTarget.value)} leftSection={<IconSearch size={16} />} rightSection={busy && <Loader size={14} />} data-autofocus data-testid="find-input" />
      <div ref={list} style={{ marginTop: 8, minHeight: 60 }}>
        {found?.ticket && <FoundTicket conversation={found.ticket} onTicket={onTicket} />}
        {found?.customers.map((customer) => (
          <FoundButton key={customer.id} customer={customer} onFound={onFound} />
        ))}
        <p className="muted small" role="status">
          {!q.trim() ? hint : nothing ? t("customer.find_none", { q: q.trim() }) : ""}
        </p>
      </div>
    </div>
  );
}

function FoundTicket({ conversation, onTicket }: { conversation: Conversation; onTicket: Searching["onTicket"] }) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  return (
    <button type="button" className="plain found" onClick={() => onTicket?.(conversation)} data-testid="found-ticket">
      <span>
        #{conversation.ticket} · <bdi className="ellipsis">{nameOf(conversation.customer)}</bdi>
      </span>
      <span className="muted small">{t(`owner.${conversation.owner}`)}</span>
    </button>
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

function useFound(q: string, find: (q: string) => Promise<Results>): { found: Results | undefined; busy: boolean } {
  const complain = useComplain();
  const [settled] = useDebouncedValue(q, 200);
  const [answer, setAnswer] = useState<{ q: string; found: Results }>();
  useEffect(() => {
    if (!settled) return;
    let current = true;
    find(settled).then((found) => current && setAnswer({ q: settled, found }), complain);
    return () => {
      current = false;
    };
  }, [settled, find, complain]);
  return { found: q ? answer?.found : undefined, busy: q !== "" && answer?.q !== q };
}
