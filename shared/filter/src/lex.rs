//! Text to words.

use crate::ast::{Number, Op};
use crate::error::ExpressionError;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A keyword, a dataset or a field.
    Word(String),
    /// What stood between double quotes.
    Text(String),
    Number(Number),
    /// The name behind a `$`.
    Parameter(String),
    Op(Op),
    Dot,
    Comma,
    Open,
    Close,
    Bar,
    Star,
    End,
}

impl Token {
    /// As a message shows it.
    pub fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("'{}'", short(word)),
            Self::Text(text) => format!("\"{}\"", short(text)),
            Self::Number(Number::Whole(number)) => format!("the number {number}"),
            Self::Number(Number::Real(number)) => format!("the number {number:?}"),
            Self::Parameter(name) => format!("${}", short(name)),
            Self::Op(op) => format!("'{}'", op.as_str()),
            Self::Dot => "'.'".into(),
            Self::Comma => "','".into(),
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::Bar => "'|'".into(),
            Self::Star => "'*'".into(),
            Self::End => "the end".into(),
        }
    }
}

/// Long texts are cut in messages.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.chars().count() > SHOWN {
        true => text.chars().take(SHOWN).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}

/// All tokens with the character that each begins at, counted from 1; the last one is the end.
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ExpressionError> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut tokens = vec![];
    loop {
        while lexer.peek().is_some_and(char::is_whitespace) {
            lexer.at += 1;
        }
        let start = lexer.at + 1;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, start));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn token(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at + 1;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let Some(first) = self.peek() else { return Ok(Token::End) };
        let single = match first {
            '.' => Some(Token::Dot),
            ',' => Some(Token::Comma),
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '|' => Some(Token::Bar),
            '*' => Some(Token::Star),
            _ => None,
        };
        if let Some(token) = single {
            self.at += 1;
            return Ok(token);
        }
        for op in Op::ALL {
            if self.chars[self.at..].iter().copied().take(op.as_str().len()).eq(op.as_str().chars()) {
                self.at += op.as_str().len();
                return Ok(Token::Op(op));
            }
        }
        match first {
            '"' => self.text(),
            '$' => {
                self.at += 1;
                let name = self.take_while(word);
                if name.is_empty() {
                    let problem =
                        "expected a parameter's name behind '$', of letters, digits and underscores";
                    return Err(ExpressionError::new(start, problem));
                }
                Ok(Token::Parameter(name))
            }
            c if c.is_ascii_digit() || c == '-' => self.number(),
            c if c.is_ascii_alphabetic() || c == '_' => Ok(Token::Word(self.take_while(word))),
            '\'' | '\u{201c}' | '\u{201d}' => {
                let problem = format!("'{first}' begins nothing: texts stand in double quotes, \"so\"");
                Err(ExpressionError::new(start, problem))
            }
            other => {
                let problem = format!(
                    "'{}' begins nothing: expected a word, a number, a text in double quotes, a '$' with a \
                     parameter's name, or a list in round brackets",
                    other.escape_debug()
                );
                Err(ExpressionError::new(start, problem))
            }
        }
    }

    /// `\"` and `\\` stand for `"` and `\`; any other backslash for itself.
    fn text(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(Token::Text(text)),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        Err(ExpressionError::new(start, "the text that begins here has no closing double quote"))
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let (start, from) = (self.at + 1, self.at);
        self.at += 1;
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            self.take_while(|c| c.is_ascii_digit());
        }
        // Whatever sticks to a number belongs to it, so that 12abc is one mistake and not two words.
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let text: String = self.chars[from..self.at].iter().collect();
        Number::parse(&text).map(Token::Number).ok_or_else(|| {
            ExpressionError::new(
                start,
                format!("'{}' is not a number; texts stand in double quotes", short(&text)),
            )
        })
    }
}
