-- The status table of Mixdown, for pages that watch their jobs (Supabase, or any PostgreSQL behind PostgREST).
-- Run once. Mixdown writes with the service key: rows are updated only while `version` is greater (or, within one
-- version, `percent`), so that late and repeated events change nothing.

create table if not exists public.mixdown_jobs (
  -- The job's id; `owner.id` for jobs outside the default owner.
  job_id text primary key,
  status text not null check (status in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  percent integer not null default 0 check (percent between 0 and 100),
  outputs jsonb not null default '[]'::jsonb,
  error jsonb,
  version integer not null,
  updated_at timestamptz not null
);

-- Whatever writes: an older version never replaces a newer one.
create or replace function public.mixdown_keep_newer() returns trigger
  language plpgsql
  set search_path = ''
as $$
begin
  if new.version < old.version then
    return old;
  end if;
  return new;
end;
$$;

create or replace trigger mixdown_jobs_keep_newer
  before update on public.mixdown_jobs
  for each row execute function public.mixdown_keep_newer();

-- Nobody reads or writes without a policy; the service key is above policies.
alter table public.mixdown_jobs enable row level security;

-- Say who may read, for example every signed-in user:
-- create policy "signed-in users read" on public.mixdown_jobs for select to authenticated using (true);

-- Changes to the page as they happen:
-- alter publication supabase_realtime add table public.mixdown_jobs;
