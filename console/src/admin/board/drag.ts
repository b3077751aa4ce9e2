/** Waiting conversations that are dragged onto agents and queues. */

import { useState } from "react";
import type { DragEvent } from "react";

const TYPE = "application/x-switchboard-conversation";

/** What makes an element the handle of a conversation. */
export function dragged(conversation: string) {
  return {
    draggable: true,
    onDragStart: (event: DragEvent) => {
      event.dataTransfer.setData(TYPE, conversation);
      event.dataTransfer.effectAllowed = "move";
    },
  };
}

/** What makes an element a place for conversations; `over` while one hovers. */
export function useDrop(drop: (conversation: string) => void) {
  const [over, setOver] = useState(false);
  const enter = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes(TYPE)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    setOver(true);
  };
  const leave = (event: DragEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
  };
  const dropped = (event: DragEvent) => {
    const conversation = event.dataTransfer.getData(TYPE);
    setOver(false);
    if (!conversation) return;
    event.preventDefault();
    drop(conversation);
  };
  return { over, place: { onDragOver: enter, onDragLeave: leave, onDrop: dropped } };
}
