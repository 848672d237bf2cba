-- What the receiver says it got: its own word about a delivery, given once.

alter table deliveries
    add column received_sha256 text check (received_sha256 ~ '^[0-9a-f]{64}$'),
    add column received_bytes  bigint check (received_bytes >= 0),
    add column received_rows   bigint check (received_rows >= 0),
    add column acknowledged_at timestamptz,
    add column acknowledged_by text,
    add check ((acknowledged_at is null) = (received_sha256 is null) and (acknowledged_at is null) = (received_bytes is null)),
    add check (acknowledged_at is null or ended_at is not null);
