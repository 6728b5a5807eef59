package flags

import "log/slog"

// LogValue makes log/slog write String, also as JSON.
func (f Map) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LogValue makes log/slog write String, also as JSON.
func (f Unsafe) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LogValue makes log/slog write String, also as JSON.
func (p Protection) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue makes log/slog write String, also as JSON.
func (p PageSize) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s PageSizes) LogValue() slog.Value { return slog.StringValue(s.String()) }
