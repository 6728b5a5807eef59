package flags

import "log/slog"

// LogValue has log/slog write String, as JSON too.
func (f Map) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LogValue has log/slog write String, as JSON too.
func (f Unsafe) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LogValue has log/slog write String, as JSON too.
func (p Protection) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue has log/slog write String, as JSON too.
func (p PageSize) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue has log/slog write String, as JSON too.
func (s PageSizes) LogValue() slog.Value { return slog.StringValue(s.String()) }
