using System;
using System.Collections.Generic;
using System.Text;

namespace DurableGateway.Client;

/// <summary>The ids of an attempt's steps.</summary>
internal sealed class StepNames(StepActivity activity)
{
    /// <summary>The step that stores the reason of a rollback.</summary>
    public const string RollbackBegun = "rollback begun";

    private const int MaxIdBytes = 256;
    private const string HandedOut = " handed out";
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly object _lock = new();
    private readonly Dictionary<string, int> _uses = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal) { RollbackBegun };
    private readonly HashSet<string> _begun = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StepFlow> _latest = new(StringComparer.Ordinal);
    private long _turn;
    private bool _closed;

    /// <summary>The step that hands out the URL of a callback. It has the callback's id in its name, so each use has its own.</summary>
    public static string HandOutOf(string callback) => callback + HandedOut;

    /// <summary>The callback whose URL a step hands out; <see langword="null"/> for other steps.</summary>
    public static string? CallbackOf(string id) =>
        id.EndsWith(HandedOut, StringComparison.Ordinal) ? id.Substring(0, id.Length - HandedOut.Length) : null;

    /// <summary>Assigns the id of a step and starts it. If this throws, the step has no effect.</summary>
    /// <exception cref="StepUsageException">The name is invalid or in use, or the handler has ended.</exception>
    public string Enter(string name)
    {
        lock (_lock)
        {
            var id = Assign(name);
            Begin(id);
            return id;
        }
    }

    /// <summary>Assigns the id of a step that starts later or never.</summary>
    /// <exception cref="StepUsageException">The name is invalid.</exception>
    public string Reserve(string name)
    {
        lock (_lock) return Assign(name);
    }

    /// <summary>Starts the step that hands out the URL of a callback.</summary>
    /// <exception cref="StepUsageException">The name is taken, or too long.</exception>
    public string EnterHandOut(string callback)
    {
        var id = HandOutOf(callback);
        if (!IsWithinBytes(id))
            throw new StepUsageException($"'{callback}' is too long for the name of a callback: with '{HandedOut}', "
                + $"it must be at most {MaxIdBytes} bytes of UTF-8.");
        lock (_lock)
        {
            if (!_ids.Add(id))
                throw new StepUsageException($"The name '{id}' belongs to the step that hands out the URL of '{callback}'. "
                    + "Give the other step with that name another name.");
            Begin(id);
            return id;
        }
    }

    /// <summary>Starts a step that already has its id, after the handler has ended.</summary>
    public void EnterReserved(string id)
    {
        lock (_lock) Begin(id);
    }

    /// <param name="id">The step.</param>
    /// <param name="goesOn">Whether <see cref="StepActivity.WentOn"/> will follow.</param>
    public void Leave(string id, bool goesOn)
    {
        lock (_lock) _begun.Remove(id);
        activity.Leave(id, goesOn);
    }

    /// <summary>The exception for a step that starts after the end of the handler.</summary>
    public static StepUsageException TooLate(string name) =>
        new($"Step '{name}' starts after the handler has ended. Await every step in the handler.");

    /// <summary>Refuses further names.</summary>
    public void Close()
    {
        lock (_lock) _closed = true;
    }

    private void Begin(string id)
    {
        _begun.Add(id);
        activity.Enter(id);
    }

    private string Assign(string name)
    {
        if (string.IsNullOrEmpty(name))
            throw new StepUsageException("A step has no name. Give each step its own name, "
                + "because the name identifies the stored outcome.");
        if (name == RollbackBegun)
            throw new StepUsageException($"'{name}' is the name of the step that stores the reason of a rollback. "
                + "Give the step another name.");
        if (_closed) throw TooLate(name);
        _uses.TryGetValue(name, out var uses);
        if (uses > 0 && _begun.Contains(IdOf(name, uses)))
        {
            throw new StepUsageException(
                $"Two steps named '{name}' run at the same time, so a replay could not distinguish them. Give each step its own name, "
                + $"such as '{name}-' and the item's id.");
        }

        var flow = StepFlow.Continue(this, ++_turn);
        if (_latest.TryGetValue(name, out var before) && flow.MightPrecede(before))
        {
            throw new StepUsageException(
                $"Two branches that run at the same time use the name '{name}'. A replay in which they start in another "
                + "order would confuse their outcomes. "
                + $"Give the steps of each branch their own names, such as '{name}-' and the item's id.");
        }

        var id = IdOf(name, uses + 1);
        if (id is "." or ".." || id.IndexOf('\0') >= 0 || !IsWithinBytes(id))
            throw new StepUsageException($"'{name}' cannot be the name of a step. A name must be at most {MaxIdBytes} bytes of UTF-8 "
                + "without NUL, and must not be '.' or '..'.");
        if (!_ids.Add(id))
        {
            throw new StepUsageException(
                $"The name '{name}' looks like use {uses + 1} of another name. Do not use names that end in '#' and a number, "
                + $"or in '{HandedOut}'.");
        }

        _uses[name] = uses + 1;
        _latest[name] = flow;
        return id;
    }

    private static string IdOf(string name, int use) => use == 1 ? name : $"{name}#{use}";

    private static bool IsWithinBytes(string id)
    {
        try
        {
            return StrictUtf8.GetByteCount(id) <= MaxIdBytes;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }
}
