using System.Diagnostics;
using System.Text;

namespace DurableGateway.Services;

/// <summary>The output of a command, and how it ended.</summary>
internal sealed record Output(int Status, string Text, string Error)
{
    public string Last => (Error.Length > 0 ? Error : Text).TrimEnd().Split('\n')[^1];
}

/// <summary>Runs programs until they end.</summary>
internal static class Command
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The path of the command, or <see langword="null"/> if it is missing.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);

    /// <param name="directory">The working directory and home of the program, so that no user's configuration has an effect.</param>
    /// <param name="file">The program.</param>
    /// <param name="args">Its arguments.</param>
    public static Task<Output> RunAsync(string directory, string file, params string[] args)
    {
        var start = Start(directory, file, args);
        start.Environment["HOME"] = directory;
        return RunAsync(start, Patience);
    }

    public static ProcessStartInfo Start(string directory, string file, params string[] args)
    {
        var start = new ProcessStartInfo(file, args)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["NO_PROXY"] = start.Environment["no_proxy"] = "127.0.0.1,localhost";
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        return start;
    }

    public static async Task<Output> RunAsync(ProcessStartInfo start, TimeSpan patience)
    {
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var text = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            return new Output(-1, "", $"It was killed after {patience.TotalSeconds} s.");
        }

        return new Output(process.ExitCode, await text, await error);
    }
}
