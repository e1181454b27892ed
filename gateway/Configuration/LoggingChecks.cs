namespace DurableGateway.Configuration;

/// <summary>Checks .NET's logging section. An invalid level would throw at the start, and again at a reload.</summary>
internal static class LoggingChecks
{
    private const string Section = "Logging:";
    private const string Levels = "LogLevel";
    private const string Formatter = "Logging:Console:FormatterName";

    private static readonly string[] Formatters = ["simple", "json", "systemd"];

    public static IEnumerable<ConfigurationError> Check(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        foreach (var (key, value) in settings)
        {
            if (string.IsNullOrEmpty(value) || !key.StartsWith(Section, StringComparison.OrdinalIgnoreCase)) continue;
            var parts = key.Split(':');
            if (parts.Length >= 3 && parts[^2].Equals(Levels, StringComparison.OrdinalIgnoreCase)
                && !Enum.TryParse<LogLevel>(value, ignoreCase: true, out _))
                yield return new ConfigurationError(key, value,
                    $"is not a log level; write one of {string.Join(", ", Enum.GetNames<LogLevel>())}");
            else if (key.Equals(Formatter, StringComparison.OrdinalIgnoreCase)
                && !Formatters.Contains(value, StringComparer.OrdinalIgnoreCase))
                yield return new ConfigurationError(key, value, $"is not a console format; write one of {string.Join(", ", Formatters)}");
        }
    }
}
