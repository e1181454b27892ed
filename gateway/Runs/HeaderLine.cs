namespace DurableGateway.Runs;

/// <summary>A header line. The gateway preserves the order of lines and duplicates.</summary>
internal readonly record struct HeaderLine(string Name, string Value);
